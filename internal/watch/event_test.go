package watch

import "github.com/fsnotify/fsnotify"

func event(path string) fsnotify.Event { return fsnotify.Event{Name: path, Op: fsnotify.Write} }
