//go:build unix

package config

import (
	"os"
	"syscall"
)

// Owner is the user that a file belongs to; not known on Windows.
func Owner(info os.FileInfo) (user int, known bool) {
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return 0, false
	}
	return int(stat.Uid), true
}
