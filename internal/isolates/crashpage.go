package isolates

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// The crash page: crashSlots slots of crashSlotSize bytes, one per executor thread. Layout: protocol/PROTOCOL.md.
const (
	crashSlots    = 64
	crashSlotSize = 64
)

// newCrashPage makes the memory file. It is sealed so that a host cannot shrink it under a reader or grow it.
func newCrashPage() (*os.File, error) {
	fd, err := unix.MemfdCreate("skerry-crash-page", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_NOEXEC_SEAL)
	if err == unix.EINVAL { // Before Linux 6.3.
		fd, err = unix.MemfdCreate("skerry-crash-page", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, fmt.Errorf("make crash page: %w", err)
	}
	page := os.NewFile(uintptr(fd), "crash page")
	if err := page.Truncate(crashSlots * crashSlotSize); err != nil {
		page.Close()
		return nil, fmt.Errorf("make crash page: %w", err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		page.Close()
		return nil, fmt.Errorf("seal crash page: %w", err)
	}
	return page, nil
}

// Suspect is an event that a thread says it was running when its host died. Event 0: code of the worker outside any event.
type Suspect struct {
	Worker, Version string
	Event           uint32
	// Signal is what stopped the thread, "" if it is not known to have been the one.
	Signal string `json:",omitempty"`
}

// suspects reads the crash page, by copy: a mapping could be pulled away, and what is looked at twice could be two things. A thread with
// a fatal signal is the only suspect; without one, all are that were running. Slots that name no known worker, or an event of another
// one, are left out; so what is left is a claim of the host about its own workers.
func (h *host) suspects() []Suspect {
	raw := make([]byte, crashSlots*crashSlotSize)
	if n, err := h.page.ReadAt(raw, 0); n < len(raw) {
		h.pool.cfg.Logger.Warn("crash page cannot be read", "pid", h.proc.Pid(), "error", err)
		return nil
	}
	var all, fatal []Suspect
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range crashSlots {
		slot := raw[i*crashSlotSize:]
		if w := h.workerIDs[binary.LittleEndian.Uint32(slot)]; w != nil {
			s := Suspect{Worker: w.ver.source.Name, Version: w.ver.source.ID, Event: binary.LittleEndian.Uint32(slot[4:])}
			if ev := h.eventLocked(s.Event); ev != nil && ev.worker != w {
				continue
			}
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
			if signal := binary.LittleEndian.Uint32(slot[16:]); signal != 0 {
				s.Signal = unix.SignalName(syscall.Signal(signal & 127))
				fatal = append(fatal, s)
			}
		}
	}
	if len(fatal) > 0 {
		return fatal
	}
	return all
}
