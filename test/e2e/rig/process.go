package rig

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Hosts are the process ids of the isolate hosts, the oldest first: the supervisor's descendants that have no children themselves.
func (s *Server) Hosts() []int {
	s.t.Helper()
	parents := parentsOfAll()
	var hosts []int
	for pid := range parents {
		if descends(parents, pid, s.PID()) && !hasChild(parents, pid) {
			hosts = append(hosts, pid)
		}
	}
	slices.Sort(hosts)
	return hosts
}

// RSS is the resident memory of the supervisor and all its descendants, in bytes.
func (s *Server) RSS() int64 {
	s.t.Helper()
	parents := parentsOfAll()
	total := Resident(s.PID())
	for pid := range parents {
		if descends(parents, pid, s.PID()) {
			total += Resident(pid)
		}
	}
	return total
}

// HostsRSS is the resident memory of the isolate hosts, in bytes.
func (s *Server) HostsRSS() int64 {
	s.t.Helper()
	total := int64(0)
	for _, pid := range s.Hosts() {
		total += Resident(pid)
	}
	return total
}

// parentsOfAll maps each process to its parent. Zombies are left out: they hold nothing.
func parentsOfAll() map[int]int {
	parents := make(map[int]int)
	entries, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		panic(err) // The pattern is constant.
	}
	for _, entry := range entries {
		text, err := os.ReadFile(entry)
		if err != nil {
			continue // It has ended meanwhile.
		}
		// pid (name) state parent …; the name may hold anything, so what follows the last parenthesis is read.
		line := string(text)
		fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
		pid, errPID := strconv.Atoi(filepath.Base(filepath.Dir(entry)))
		if errPID != nil || len(fields) < 2 || fields[0] == "Z" {
			continue
		}
		if parent, err := strconv.Atoi(fields[1]); err == nil {
			parents[pid] = parent
		}
	}
	return parents
}

func descends(parents map[int]int, pid, root int) bool {
	for range 64 { // Parents may change while /proc is read.
		parent, found := parents[pid]
		if !found {
			return false
		}
		if parent == root {
			return true
		}
		pid = parent
	}
	return false
}

func hasChild(parents map[int]int, pid int) bool {
	for _, parent := range parents {
		if parent == pid {
			return true
		}
	}
	return false
}

// Resident is the resident memory of a process in bytes, 0 if there is none.
func Resident(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
