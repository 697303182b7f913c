package hostile

import "io"

// newPipe is a request body that begins and does not end before its writer is closed.
func newPipe() (io.Reader, io.Closer) {
	reader, writer := io.Pipe()
	go writer.Write([]byte("begins")) // ends when the writer is closed
	return reader, writer
}
