package benchmark

import (
	"fmt"
	"io"
	"net"
	"net/http"
)

// ServePeer is the peer `go net/http`: the least that a Go program can do for the same answers. It prints its address to
// out and serves until it is killed.
func ServePeer(out io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, listener.Addr())
	return http.Serve(listener, http.HandlerFunc(answerAsPeer))
}

func answerAsPeer(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
		io.WriteString(w, helloText)
		return
	}
	// Without it, net/http reads the whole request before it answers.
	if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	io.Copy(w, r.Body)
}
