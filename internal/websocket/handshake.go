package websocket

import (
	"bufio"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	version   = "13"
	guid      = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	nonceSize = 16
	// Deflate is the one extension that is offered and accepted: without context takeover, so that a connection holds no window.
	Deflate = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
)

// IsUpgrade says whether a request asks for a WebSocket, well or badly.
func IsUpgrade(h http.Header) bool { return hasToken(h["Upgrade"], "websocket") }

// Check says why a request that asks for a WebSocket cannot have one (RFC 6455 §4.2.1): the status, and for whom it may be of use.
func Check(r *http.Request) (status int, reason string) {
	key := r.Header["Sec-Websocket-Key"]
	switch {
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return 505, "a WebSocket handshake needs HTTP/1.1"
	case r.Method != http.MethodGet:
		return 405, "a WebSocket handshake is a GET request"
	case !hasToken(r.Header["Connection"], "upgrade"):
		return 400, "a WebSocket handshake needs Connection: Upgrade"
	case len(r.Header["Sec-Websocket-Version"]) != 1 || r.Header["Sec-Websocket-Version"][0] != version:
		return 426, "the only version of WebSocket that is spoken here is " + version
	case len(key) != 1 || !isNonce(key[0]):
		return 400, "a WebSocket handshake needs one Sec-WebSocket-Key of 16 bytes"
	}
	return 0, ""
}

func isNonce(key string) bool {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(key))
	return err == nil && len(raw) == nonceSize
}

// Answer answers a request that Check has found good, on its hijacked connection. header is what else the answer shall have; deflate
// allows compression if the client offers it. If it fails the connection is closed.
func Answer(conn net.Conn, buffered *bufio.ReadWriter, r *http.Request, header http.Header, deflate bool, options Options) (*Conn, error) {
	options.Deflate = deflate && acceptsDeflate(r.Header["Sec-Websocket-Extensions"])
	out := buffered.Writer
	out.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		acceptOf(strings.TrimSpace(r.Header["Sec-Websocket-Key"][0])) + "\r\n")
	if options.Deflate {
		out.WriteString("Sec-WebSocket-Extensions: " + Deflate + "\r\n")
	}
	for _, name := range platformFields {
		header.Del(name)
	}
	header.Write(out) // errors stay with the writer
	out.WriteString("\r\n")
	if err := out.Flush(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("answer the handshake: %w", err)
	}
	conn.SetDeadline(time.Time{}) // those of HTTP; fails only if the connection is closed
	if buffered.Reader.Buffered() > 0 {
		options.Buffered = buffered.Reader
	}
	return New(conn, options), nil
}

// platformFields are those that the handshake itself sets.
var platformFields = []string{
	"Upgrade", "Connection", "Sec-Websocket-Accept", "Sec-Websocket-Extensions", "Content-Length", "Transfer-Encoding", "Sec-Websocket-Key", "Sec-Websocket-Version",
}

// acceptOf is Sec-WebSocket-Accept.
func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + guid))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// acceptsDeflate says whether one of the offers can be answered with Deflate (RFC 7692 §7.1).
func acceptsDeflate(fields []string) bool {
	for _, offer := range strings.Split(strings.Join(fields, ","), ",") {
		parts := strings.Split(offer, ";")
		if !strings.EqualFold(strings.TrimSpace(parts[0]), "permessage-deflate") {
			continue
		}
		good := true
		seen := make(map[string]bool, 4)
		for _, part := range parts[1:] {
			name, value, valued := strings.Cut(part, "=")
			name, value = strings.ToLower(strings.TrimSpace(name)), strings.Trim(strings.TrimSpace(value), `"`)
			switch {
			case seen[name]:
				good = false
			case name == "server_no_context_takeover" || name == "client_no_context_takeover":
				good = good && !valued
			case name == "client_max_window_bits":
				good = good && (!valued || isBits(value))
			case name == "server_max_window_bits":
				good = good && value == "15" // a smaller window is not for us: we cannot promise it
			default:
				good = false
			}
			seen[name] = true
		}
		if good {
			return true
		}
	}
	return false
}

func isBits(s string) bool {
	return len(s) == 1 && (s[0] == '8' || s[0] == '9') || len(s) == 2 && s[0] == '1' && s[1] >= '0' && s[1] <= '5'
}

// Offer makes a request a WebSocket handshake (RFC 6455 §4.1) and returns its key. deflate offers compression.
func Offer(h http.Header, deflate bool) (key string) {
	var nonce [nonceSize]byte
	rand.Read(nonce[:]) // never fails
	key = base64.StdEncoding.EncodeToString(nonce[:])
	h["Connection"] = []string{"Upgrade"}
	h["Upgrade"] = []string{"websocket"}
	h["Sec-Websocket-Key"] = []string{key}
	h["Sec-Websocket-Version"] = []string{version}
	delete(h, "Sec-Websocket-Extensions")
	if deflate {
		h["Sec-Websocket-Extensions"] = []string{Deflate}
	}
	return key
}

// Accepted checks the answer to an Offer and says whether compression was agreed upon (RFC 6455 §4.1, RFC 7692 §7.1).
func Accepted(resp *http.Response, key string, offered bool) (deflate bool, err error) {
	switch {
	case resp.StatusCode != http.StatusSwitchingProtocols:
		return false, fmt.Errorf("the server answered the WebSocket handshake with status %d", resp.StatusCode)
	case !hasToken(resp.Header["Upgrade"], "websocket"), !hasToken(resp.Header["Connection"], "upgrade"):
		return false, errors.New("the server's answer to the WebSocket handshake is no upgrade")
	case len(resp.Header["Sec-Websocket-Accept"]) != 1 || strings.TrimSpace(resp.Header["Sec-Websocket-Accept"][0]) != acceptOf(key):
		return false, errors.New("the server's answer to the WebSocket handshake has a wrong Sec-WebSocket-Accept")
	}
	extensions := strings.TrimSpace(strings.Join(resp.Header["Sec-Websocket-Extensions"], ","))
	if extensions == "" {
		return false, nil
	}
	parts := strings.Split(extensions, ";")
	if !offered || !strings.EqualFold(strings.TrimSpace(parts[0]), "permessage-deflate") {
		return false, errors.New("the server's answer to the WebSocket handshake has an extension that was not offered")
	}
	fresh := false
	for _, part := range parts[1:] {
		name, value, valued := strings.Cut(part, "=")
		switch name, value = strings.ToLower(strings.TrimSpace(name)), strings.Trim(strings.TrimSpace(value), `"`); name {
		case "server_no_context_takeover":
			fresh = true
		case "client_no_context_takeover":
		case "server_max_window_bits":
			if !valued || !isBits(value) {
				return false, errors.New("the server's answer to the WebSocket handshake has a malformed extension")
			}
		default: // client_max_window_bits was not offered
			return false, errors.New("the server's answer to the WebSocket handshake has an extension parameter that was not offered")
		}
	}
	if !fresh {
		return false, errors.New("the server's answer to the WebSocket handshake does not keep to the extension that was offered")
	}
	return true, nil
}

// hasToken says whether a list of tokens has one, in any case.
func hasToken(fields []string, token string) bool {
	for _, field := range fields {
		for _, one := range strings.Split(field, ",") {
			if strings.EqualFold(strings.TrimSpace(one), token) {
				return true
			}
		}
	}
	return false
}
