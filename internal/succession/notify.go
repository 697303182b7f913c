package succession

import (
	"net"
	"os"
	"strings"
)

// notifyVariable is systemd's: sd_notify(3).
const notifyVariable = "NOTIFY_SOCKET"

// Notify tells the service manager, if there is one. Only the anchor is told of it, and stays the main process for good: an upgrade is
// no news to the manager. What it says must not fail the server, so there is no error.
func Notify(text string) {
	path := os.Getenv(notifyVariable)
	if path == "" {
		return
	}
	if strings.HasPrefix(path, "@") {
		path = "\x00" + path[1:]
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return
	}
	conn.Write([]byte(text))
	conn.Close()
}
