package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"sync/atomic"
)

// certificate is a key pair in files, which can be read again.
type certificate struct {
	cert, key string
	current   atomic.Pointer[tls.Certificate]
}

// newCertificate reads the files. Without any it returns nil: cleartext.
func newCertificate(cert, key string) (*certificate, error) {
	if cert == "" && key == "" {
		return nil, nil
	}
	if cert == "" || key == "" {
		return nil, &commandError{exitUsage, "", errors.New("--tls-cert and --tls-key belong together")}
	}
	c := &certificate{cert: cert, key: key}
	if err := c.load(); err != nil {
		return nil, &commandError{exitConfig, "", err}
	}
	return c, nil
}

func (c *certificate) load() error {
	if c == nil {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("load certificate: %w", err)
	}
	c.current.Store(&pair)
	return nil
}

// config is nil for cleartext.
func (c *certificate) config() *tls.Config {
	if c == nil {
		return nil
	}
	return &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil }}
}
