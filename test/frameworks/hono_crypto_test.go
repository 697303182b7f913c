package frameworks

import (
	"compress/gzip"
	"io"
	"strings"
	"testing"
)

// Goal: the middleware of Hono that signs, verifies and compresses. Method: hono/, and gzip of Go.
func TestHonoSignsAndCompresses(t *testing.T) {
	project(t, "hono", fromNPM, func(t *testing.T, a *app) {
		t.Run("jwt", func(t *testing.T) {
			token := a.check(t, step{path: "/token/ada"}).Body
			a.check(t, step{path: "/jwt/me", headers: map[string]string{"Authorization": "Bearer " + token}, want: `{"sub":"ada"}`})
			head, rest, _ := strings.Cut(token, ".")
			payload, signature, _ := strings.Cut(rest, ".")
			other := a.check(t, step{path: "/token/eve"}).Body
			_, rest, _ = strings.Cut(other, ".")
			otherPayload, _, _ := strings.Cut(rest, ".")
			for name, forged := range map[string]string{
				"none": "", "other payload": head + "." + otherPayload + "." + signature, "cut": head + "." + payload, "expired": a.check(t, step{path: "/token-expired"}).Body,
			} {
				headers := map[string]string{"Authorization": "Bearer " + forged}
				if name == "none" {
					headers = nil
				}
				a.check(t, step{path: "/jwt/me", headers: headers, status: 401, wantHeaders: map[string]string{"Www-Authenticate": "*"}})
			}
		})
		t.Run("cookies", func(t *testing.T) {
			set := a.check(t, step{path: "/cookies/set", status: 204}).Header.Values("Set-Cookie")
			if len(set) != 3 || set[0] != "plain=a%20value%3B%20with%20specials; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax" || !strings.HasPrefix(set[1], "signed=trusted.") || !strings.HasPrefix(set[2], "old=; Max-Age=0") {
				t.Fatalf("Set-Cookie: %q", set)
			}
			signed, _, _ := strings.Cut(set[1], ";")
			a.check(t, step{path: "/cookies/get", headers: map[string]string{"Cookie": "plain=a%20b; " + signed}, want: `{"plain":"a b","signed":"trusted"}`})
			a.check(t, step{path: "/cookies/get", headers: map[string]string{"Cookie": strings.Replace(signed, "trusted", "tampered", 1)}, want: `{"plain":null,"signed":false}`})
		})
		t.Run("compress", func(t *testing.T) {
			want := strings.Repeat("compress me ", 1000)
			answer := a.check(t, step{path: "/compress/page", headers: map[string]string{"Accept-Encoding": "gzip"}, wantHeaders: map[string]string{"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}})
			in, err := gzip.NewReader(strings.NewReader(answer.Body))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(in)
			if err != nil || string(text) != want || len(answer.Body) > len(want)/10 {
				t.Errorf("%d bytes became %d, %v", len(answer.Body), len(text), err)
			}
			a.check(t, step{path: "/compress/page", want: want, wantHeaders: map[string]string{"Content-Encoding": ""}})
			a.check(t, step{path: "/compress/small", headers: map[string]string{"Accept-Encoding": "gzip"}, want: "small", wantHeaders: map[string]string{"Content-Encoding": ""}})
		})
	})
}
