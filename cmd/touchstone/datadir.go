package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// dataFolder is where a user's programs keep what they make, with a folder of
// ours in it: $XDG_DATA_HOME/touchstone, which is ~/.local/share/touchstone by
// default; on macOS ~/Library/Application Support/touchstone; on Windows
// %LocalAppData%\touchstone.
func dataFolder(lookupEnv func(string) (string, bool)) (string, error) {
	const name = "touchstone"
	switch runtime.GOOS {
	case "windows", "darwin", "ios", "plan9":
		dir, err := os.UserConfigDir()
		if runtime.GOOS == "windows" {
			dir, err = os.UserCacheDir() // %LocalAppData%: a chain should not roam
		}
		if err != nil {
			return "", noDataFolder(err)
		}
		return filepath.Join(dir, name), nil
	}
	// The specification of XDG_DATA_HOME has relative paths ignored.
	if dir, _ := lookupEnv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, name), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", noDataFolder(err)
	}
	return filepath.Join(home, ".local", "share", name), nil
}

func noDataFolder(err error) error {
	return withHint(errors.New("no data folder: "+err.Error()), "name one with --datadir")
}
