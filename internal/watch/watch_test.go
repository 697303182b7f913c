package watch

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// save writes as many editors do: beside, then renamed over.
func save(t *testing.T, path, text string) {
	t.Helper()
	write(t, path+"~", text)
	if err := os.Rename(path+"~", path); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

// settle waits for a signal that must come.
func settle(t *testing.T, w *Watcher) {
	t.Helper()
	select {
	case <-w.Changes():
	case <-t.Context().Done():
		t.Fatal("no signal")
	}
}

func TestWatch(t *testing.T) {
	dir := t.TempDir()
	mkdir(t, filepath.Join(dir, "src"))
	mkdir(t, filepath.Join(dir, "tree", "deep"))
	mkdir(t, filepath.Join(dir, "listed"))
	file, absent := filepath.Join(dir, "src", "a.ts"), filepath.Join(dir, "new", "sub", "b.ts")
	write(t, file, "1")
	w, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	set := Set{Files: []string{file, absent}, Dirs: []string{filepath.Join(dir, "listed")}, Trees: []string{filepath.Join(dir, "tree")}}
	if err := w.Watch(set, time.Time{}); err != nil {
		t.Fatal(err)
	}

	write(t, file, "2")
	settle(t, w)
	save(t, file, "3")
	settle(t, w)
	save(t, file, "4") // the watch has survived the rename
	settle(t, w)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	settle(t, w)
	write(t, file, "5")
	settle(t, w)

	write(t, filepath.Join(dir, "listed", "x"), "")
	settle(t, w)
	write(t, filepath.Join(dir, "tree", "deep", "x"), "")
	settle(t, w)
	mkdir(t, filepath.Join(dir, "tree", "later"))
	settle(t, w)
	write(t, filepath.Join(dir, "tree", "later", "x"), "")
	settle(t, w)

	// A file that does not exist, in directories that do not.
	mkdir(t, filepath.Join(dir, "new"))
	settle(t, w)
	if err := w.Watch(set, time.Time{}); err != nil {
		t.Fatal(err)
	}
	mkdir(t, filepath.Join(dir, "new", "sub"))
	settle(t, w)
	if err := w.Watch(set, time.Time{}); err != nil {
		t.Fatal(err)
	}
	write(t, absent, "")
	settle(t, w)
}

// Goal: what is not in the set gives no signal. Method: touch all that, then something that is: exactly one signal comes.
func TestUnwatchedIsQuiet(t *testing.T) {
	dir := t.TempDir()
	mkdir(t, filepath.Join(dir, "tree", "node_modules"))
	mkdir(t, filepath.Join(dir, "listed"))
	file, listed := filepath.Join(dir, "a.ts"), filepath.Join(dir, "listed", "old")
	write(t, file, "1")
	write(t, listed, "1")
	w, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Watch(Set{Files: []string{file}, Dirs: []string{filepath.Dir(listed)}, Trees: []string{filepath.Join(dir, "tree")}}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	for path, matters := range map[string]bool{file: true, filepath.Join(dir, "b.ts"): false, filepath.Join(dir, "tree", "node_modules", "x"): false,
		filepath.Join(dir, "tree", "x"): true, filepath.Join(dir, "tree", ".git", "x"): false, file + "~": false} {
		if got := w.matters(event(path)); got != matters {
			t.Errorf("%s matters: %v", path, got)
		}
	}
	write(t, filepath.Join(dir, "b.ts"), "")
	write(t, listed, "2") // an entry's contents do not matter, only that it comes or goes
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	select {
	case <-w.Changes():
		t.Error("a signal for nothing")
	default:
	}
	write(t, file, "2")
	settle(t, w)
}

func TestChangesMissedMeanwhile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a")
	write(t, file, "1")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	w, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.Watch(Set{Files: []string{file}}, info.ModTime().Add(time.Second))
	if len(w.changes) != 0 {
		t.Error("an old file counts as changed")
	}
	w.Watch(Set{Files: []string{file}}, info.ModTime().Add(-time.Second))
	settle(t, w)
}
