package websocket

import "unicode/utf8"

// utf8Check checks text that comes in pieces, which may be cut inside characters.
type utf8Check struct {
	partial [utf8.UTFMax]byte
	n       int
}

// feed says whether the text can still be UTF-8.
func (u *utf8Check) feed(p []byte) bool {
	for u.n > 0 && len(p) > 0 {
		u.partial[u.n] = p[0]
		u.n++
		p = p[1:]
		if utf8.FullRune(u.partial[:u.n]) {
			if r, size := utf8.DecodeRune(u.partial[:u.n]); r == utf8.RuneError && size == 1 {
				return false
			}
			u.n = 0
		}
	}
	end := len(p)
	for i := len(p) - 1; i >= 0 && i >= len(p)-utf8.UTFMax; i-- {
		if utf8.RuneStart(p[i]) {
			if !utf8.FullRune(p[i:]) {
				end = i
			}
			break
		}
	}
	if !utf8.Valid(p[:end]) {
		return false
	}
	if u.n == 0 {
		u.n = copy(u.partial[:], p[end:])
	}
	return true
}

// done says whether the text is complete, and forgets it.
func (u *utf8Check) done() bool {
	whole := u.n == 0
	u.n = 0
	return whole
}
