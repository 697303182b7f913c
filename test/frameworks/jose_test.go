package frameworks

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

var b64 = base64.RawURLEncoding

// issuer signs tokens in Go and publishes its keys.
type issuer struct {
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
	ed  ed25519.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	r, err1 := rsa.GenerateKey(rand.Reader, 2048)
	e, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, d, err3 := ed25519.GenerateKey(rand.Reader)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	return &issuer{r, e, d}
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	point, err := i.ec.PublicKey.Bytes() // 4, x, y.
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	json.NewEncoder(w).Encode(map[string]any{"keys": []map[string]string{
		{"kid": "RS256", "kty": "RSA", "alg": "RS256", "n": b64.EncodeToString(i.rsa.N.Bytes()), "e": b64.EncodeToString(big.NewInt(int64(i.rsa.E)).Bytes())},
		{"kid": "ES256", "kty": "EC", "alg": "ES256", "crv": "P-256", "x": b64.EncodeToString(point[1:33]), "y": b64.EncodeToString(point[33:])},
		{"kid": "EdDSA", "kty": "OKP", "alg": "EdDSA", "crv": "Ed25519", "x": b64.EncodeToString(i.ed.Public().(ed25519.PublicKey))},
	}})
}

func (i *issuer) token(t *testing.T, alg, kid string) string {
	t.Helper()
	text := b64.EncodeToString(fmt.Appendf(nil, `{"alg":%q,"kid":%q}`, alg, kid)) + "." +
		b64.EncodeToString(fmt.Appendf(nil, `{"iss":"urn:skerry:issuer","sub":"ada","exp":%d}`, time.Now().Add(time.Minute).Unix()))
	sum := sha256.Sum256([]byte(text))
	var signature []byte
	var err error
	switch alg {
	case "RS256":
		signature, err = rsa.SignPKCS1v15(rand.Reader, i.rsa, crypto.SHA256, sum[:])
	case "ES256":
		var r, s *big.Int
		r, s, err = ecdsa.Sign(rand.Reader, i.ec, sum[:])
		signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case "EdDSA":
		signature = ed25519.Sign(i.ed, []byte(text))
	}
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64.EncodeToString(signature)
}

// Goal: tokens of each kind, made here and made elsewhere. Method: jose with itself, and with Go's cryptography as the other side.
func TestJose(t *testing.T) {
	keys := newIssuer(t)
	server := httptest.NewServer(keys)
	defer server.Close()
	project(t, "jose", fromNPM, func(t *testing.T, a *app) {
		for _, alg := range strings.Fields("HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA") {
			t.Run(alg, func(t *testing.T) { a.check(t, step{path: "/sign?alg=" + alg, has: []string{`"urn:claim":true`}}) })
		}
		for _, pair := range []string{
			"alg=dir&enc=A256GCM", "alg=dir&enc=A128CBC-HS256", "alg=A128KW&enc=A128GCM", "alg=A256GCMKW&enc=A256CBC-HS512", "alg=RSA-OAEP&enc=A256GCM",
			"alg=RSA-OAEP-256&enc=A192GCM", "alg=ECDH-ES&enc=A256GCM", "alg=ECDH-ES%2BA256KW&enc=A256GCM", "alg=PBES2-HS256%2BA128KW&enc=A128GCM",
		} {
			t.Run(pair, func(t *testing.T) { a.check(t, step{path: "/encrypt?" + pair, has: []string{`"sub":"sealed"`}}) })
		}
		a.steps(t, []step{
			{path: "/expired", want: `{"code":"ERR_JWT_EXPIRED","claim":"exp"}`},
			{path: "/audience", want: `{"code":"ERR_JWT_CLAIM_VALIDATION_FAILED","claim":"aud"}`},
			{path: "/forged", want: `{"code":"ERR_JWS_SIGNATURE_VERIFICATION_FAILED"}`},
			{path: "/none", has: []string{`"code":"ERR_JO`}},
		})
		remote := "/remote?jwks=" + url.QueryEscape(server.URL)
		for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
			t.Run("remote "+alg, func(t *testing.T) {
				a.check(t, step{path: remote, body: keys.token(t, alg, alg), has: []string{`"sub":"ada"`}})
			})
		}
		t.Run("another's key", func(t *testing.T) {
			a.check(t, step{path: remote, body: newIssuer(t).token(t, "ES256", "ES256"), status: 500})
		})
	})
}
