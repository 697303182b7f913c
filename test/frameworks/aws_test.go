package frameworks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// s3 is a stub that lets in only what is signed right (AWS Signature Version 4 with the credentials of aws4fetch/).
type s3 struct {
	t     *testing.T
	flaky atomic.Int32
}

const (
	awsKey    = "AKIDEXAMPLE"
	awsSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

func (s *s3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Errorf("read body: %v", err)
	}
	if err := checkSignature(r, body); err != nil {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "SignatureDoesNotMatch: %v", err)
		return
	}
	if r.URL.Path == "/flaky" && s.flaky.Add(1)%2 == 1 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintf(w, "%s %s %d bytes", r.Method, r.URL.Path, len(body))
}

// checkSignature computes the signature from the request alone, in its header or its query.
func checkSignature(r *http.Request, body []byte) error {
	query := r.URL.Query()
	presigned := query.Get("X-Amz-Signature")
	credential, signedHeaders, signature, date := query.Get("X-Amz-Credential"), query.Get("X-Amz-SignedHeaders"), presigned, query.Get("X-Amz-Date")
	if presigned == "" {
		rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
		if !ok {
			return fmt.Errorf("authorization %q", r.Header.Get("Authorization"))
		}
		for field := range strings.SplitSeq(rest, ", ") {
			name, value, _ := strings.Cut(field, "=")
			switch name {
			case "Credential":
				credential = value
			case "SignedHeaders":
				signedHeaders = value
			case "Signature":
				signature = value
			}
		}
		date = r.Header.Get("X-Amz-Date")
	}
	if at, err := time.Parse("20060102T150405Z", date); err != nil || time.Since(at).Abs() > 15*time.Minute {
		return fmt.Errorf("date %q", date)
	}
	key, scope, _ := strings.Cut(credential, "/")
	parts := strings.Split(scope, "/")
	if key != awsKey || len(parts) != 4 || parts[0] != date[:8] || parts[1] != "eu-west-1" || parts[2] != "s3" || parts[3] != "aws4_request" {
		return fmt.Errorf("credential %q", credential)
	}
	query.Del("X-Amz-Signature")
	var pairs []string
	for name, values := range query {
		for _, value := range values {
			pairs = append(pairs, awsEscape(name)+"="+awsEscape(value))
		}
	}
	slices.Sort(pairs)
	var headers strings.Builder
	for name := range strings.SplitSeq(signedHeaders, ";") {
		value := strings.Join(r.Header.Values(name), ",")
		if name == "host" {
			value = r.Host
		}
		fmt.Fprintf(&headers, "%s:%s\n", name, strings.Join(strings.Fields(value), " "))
	}
	hash := r.Header.Get("X-Amz-Content-Sha256")
	if hash == "" {
		hash = "UNSIGNED-PAYLOAD"
	}
	if sum := sha256.Sum256(body); hash != "UNSIGNED-PAYLOAD" && hash != hex.EncodeToString(sum[:]) {
		return fmt.Errorf("the body is not that of %q", hash)
	}
	canonical := strings.Join([]string{r.Method, r.URL.EscapedPath(), strings.Join(pairs, "&"), headers.String(), signedHeaders, hash}, "\n")
	sum := sha256.Sum256([]byte(canonical))
	text := strings.Join([]string{"AWS4-HMAC-SHA256", date, scope, hex.EncodeToString(sum[:])}, "\n")
	mac := []byte("AWS4" + awsSecret)
	for _, part := range append(parts, text) {
		h := hmac.New(sha256.New, mac)
		h.Write([]byte(part))
		mac = h.Sum(nil)
	}
	if want := hex.EncodeToString(mac); want != signature {
		return fmt.Errorf("signature %s, want %s of %q", signature, want, canonical)
	}
	return nil
}

// awsEscape is URI encoding as the signature has it: all but unreserved characters.
func awsEscape(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

// Goal: requests are signed right, with their bodies and their queries. Method: the stub above, and a published vector.
func TestAWS4Fetch(t *testing.T) {
	stub := &s3{t: t}
	server := httptest.NewServer(stub)
	defer server.Close()
	endpoint := "?endpoint=" + url.QueryEscape(server.URL)
	project(t, "aws4fetch", fromNPM, func(t *testing.T, a *app) {
		a.steps(t, []step{
			{name: "put", path: "/put" + endpoint, body: "a body with é", want: "PUT /bucket/a key with é 14 bytes"},
			{name: "get", path: "/get" + endpoint, want: "GET /bucket/object 0 bytes"},
			{name: "presigned", path: "/presigned" + endpoint, want: "GET /bucket/object 0 bytes"},
			{name: "retry", path: "/retry" + endpoint, want: "GET /flaky 0 bytes"},
			// From the published test suite ("get-vanilla").
			{name: "known", path: "/known", want: "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		})
	})
}
