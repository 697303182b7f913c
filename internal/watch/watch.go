// Package watch tells when files that a build depended on may have changed, however the editor saves: in place, by
// a rename over the old file, or by removing and creating. It watches directories, since a watch on a file is lost
// with it.
//
// It builds nothing and compares no contents: a signal means "look again". skerry dev uses it. One goroutine per Watcher,
// which Close joins.
package watch

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// Settle is how long it must be quiet before a change is told: an editor makes several events of one save.
	Settle = 10 * time.Millisecond
	// SettleMax is how long a change is held back at most while there is no quiet.
	SettleMax = 250 * time.Millisecond
	// MaxDirs is the number of directories that one Watcher watches. Beyond it trees are watched in part.
	MaxDirs = 4096
)

// Set is what to watch. All paths are absolute.
type Set struct {
	// Files may exist or not.
	Files []string
	// Dirs are directories whose entries matter, not their subdirectories.
	Dirs []string
	// Trees are directories where any change at any depth matters. node_modules, .git and .skerry in them do not.
	Trees []string
}

// Watcher watches one Set at a time. Its methods may be called from any goroutine.
type Watcher struct {
	fs      *fsnotify.Watcher
	changes chan struct{} // capacity 1
	over    chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	files   map[string]bool
	dirs    map[string]bool
	trees   []string
	watched map[string]bool
}

// New starts a watcher that watches nothing.
func New() (*Watcher, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	watcher := &Watcher{fs: w, changes: make(chan struct{}, 1), over: make(chan struct{}), watched: make(map[string]bool)}
	go watcher.run()
	return watcher, nil
}

// Changes gets a value after something in the set may have changed. Signals that are not fetched are merged.
func (w *Watcher) Changes() <-chan struct{} { return w.changes }

// Close ends watching.
func (w *Watcher) Close() error {
	err := w.fs.Close()
	<-w.over
	return err
}

// Watch replaces the set. What has changed since the time since, when nobody may have watched, counts as a change, too. The error names the first directory that cannot be
// watched; the others are.
func (w *Watcher) Watch(set Set, since time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files, w.dirs, w.trees = make(map[string]bool), make(map[string]bool), nil
	wanted := make(map[string]bool)
	for _, file := range set.Files {
		file = filepath.Clean(file)
		w.files[file] = true
		w.nearest(file, wanted)
	}
	for _, dir := range set.Dirs {
		dir = filepath.Clean(dir)
		w.dirs[dir] = true
		w.nearest(filepath.Join(dir, "x"), wanted)
	}
	for _, tree := range set.Trees {
		tree = filepath.Clean(tree)
		w.trees = append(w.trees, tree)
		w.nearest(filepath.Join(tree, "x"), wanted)
		addTree(tree, wanted)
	}
	var failed error
	for dir := range w.watched {
		if !wanted[dir] {
			w.fs.Remove(dir) // it may be gone already
			delete(w.watched, dir)
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(wanted)) {
		if err := w.add(dir); err != nil && failed == nil {
			failed = err
		}
	}
	if changedSince(set.Files, since) {
		w.tell()
	}
	return failed
}

func (w *Watcher) add(dir string) error {
	if w.watched[dir] || len(w.watched) >= MaxDirs {
		return nil
	}
	if err := w.fs.Add(dir); err != nil {
		return fmt.Errorf("watch %s: %w", dir, err)
	}
	w.watched[dir] = true
	return nil
}

// nearest wants the directory of path, or the nearest one above that exists; then the first name below it counts as a file of the set.
func (w *Watcher) nearest(path string, wanted map[string]bool) {
	for {
		dir := filepath.Dir(path)
		if info, err := os.Stat(dir); err == nil && info.IsDir() || dir == path {
			wanted[dir] = true
			return
		}
		path = dir
		w.files[path] = true
	}
}

func skipped(name string) bool { return name == "node_modules" || name == ".git" || name == ".skerry" }

func addTree(tree string, wanted map[string]bool) {
	filepath.WalkDir(tree, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // what cannot be read cannot be watched
		case !entry.IsDir():
			return nil
		case path != tree && skipped(entry.Name()):
			return filepath.SkipDir
		}
		wanted[path] = true
		return nil
	})
}

// clockStep is how far a file system's clock may be behind.
const clockStep = 20 * time.Millisecond

func changedSince(files []string, since time.Time) bool {
	return !since.IsZero() && slices.ContainsFunc(files, func(file string) bool {
		info, err := os.Stat(file)
		return err == nil && info.ModTime().After(since.Add(-clockStep))
	})
}

// run hands on events; it is the goroutine of the Watcher.
func (w *Watcher) run() {
	defer close(w.over)
	var quiet <-chan time.Time
	var last time.Time // when it must be told
	for {
		select {
		case event, ok := <-w.fs.Events:
			if !ok {
				return
			}
			if !w.matters(event) {
				continue
			}
			now := time.Now()
			if quiet == nil {
				last = now.Add(SettleMax)
			}
			quiet = time.After(min(Settle, last.Sub(now)))
		case _, ok := <-w.fs.Errors:
			if !ok {
				return
			}
			w.tell() // events were lost: look again
		case <-quiet:
			quiet = nil
			w.tell()
		}
	}
}

func (w *Watcher) tell() {
	select {
	case w.changes <- struct{}{}:
	default: // one is waiting already
	}
}

func (w *Watcher) matters(event fsnotify.Event) bool {
	if event.Op == fsnotify.Chmod {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	path := filepath.Clean(event.Name)
	if event.Has(fsnotify.Remove) || event.Has(fsnotify.Rename) {
		if w.watched[path] { // the directory has gone, and its watch with it
			w.fs.Remove(path)
			delete(w.watched, path)
			return true
		}
	}
	if w.files[path] {
		return true
	}
	if w.dirs[filepath.Dir(path)] && !event.Has(fsnotify.Write) {
		return true
	}
	for _, tree := range w.trees {
		below, ok := strings.CutPrefix(path, tree+string(filepath.Separator))
		if !ok || slices.ContainsFunc(strings.Split(below, string(filepath.Separator)), skipped) {
			continue
		}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			wanted := make(map[string]bool)
			addTree(path, wanted)
			for dir := range wanted {
				w.add(dir) // it may have gone again
			}
		}
		return true
	}
	return false
}
