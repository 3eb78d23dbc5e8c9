package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"sync"
)

// maxSecretFile bounds cookie and password files, and keeps a mistyped path to
// something large from being read.
const maxSecretFile = 4096

// credentials are user and password, from a file or as given. They are safe for
// concurrent use.
type credentials struct {
	file   string                                   // for messages; empty where there is none
	parse  func(file []byte) (u, p string, e error) // nil where there is no file
	cookie bool

	mu         sync.Mutex
	loaded     bool
	user, pass string
}

// newCredentials returns those that cfg names, of which a part may be in its URL.
func newCredentials(cfg *Config, inURL *url.Userinfo) (*credentials, error) {
	user, pass := cfg.User, cfg.Password
	if inURL != nil {
		p, hasPass := inURL.Password()
		if user != "" && inURL.Username() != "" && user != inURL.Username() {
			return nil, errors.New("two RPC users, one in the node's URL; give one")
		}
		if hasPass && (pass != "" || cfg.PasswordFile != "") {
			return nil, errors.New("two RPC passwords, one in the node's URL; give one")
		}
		if inURL.Username() != "" {
			user = inURL.Username()
		}
		if hasPass {
			pass = p
		}
	}
	switch {
	case cfg.CookieFile != "" && (user != "" || pass != "" || cfg.PasswordFile != ""):
		return nil, fmt.Errorf("both a cookie file (%s) and an RPC user or password; give one of them", cfg.CookieFile)
	case pass != "" && cfg.PasswordFile != "":
		return nil, fmt.Errorf("both an RPC password and a password file (%s); give one of them", cfg.PasswordFile)
	case cfg.CookieFile != "":
		return cookieFile(cfg.CookieFile), nil
	case user == "" && (pass != "" || cfg.PasswordFile != ""):
		return nil, errors.New("an RPC password without a user; give the user too")
	case cfg.PasswordFile != "":
		c := passwordFile(user, cfg.PasswordFile)
		if _, _, err := c.get(); err != nil {
			return nil, fmt.Errorf("password file: %w", err)
		}
		return c, nil
	case user != "" && pass == "":
		return nil, fmt.Errorf("RPC user %q without a password; give a password file too", user)
	}
	return fixedCredentials(user, pass), nil
}

func fixedCredentials(user, pass string) *credentials {
	return &credentials{loaded: true, user: user, pass: pass}
}

func passwordFile(user, file string) *credentials {
	return &credentials{file: file, parse: func(b []byte) (string, string, error) {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
			return "", "", fmt.Errorf("password file %s: its first line is empty; put the password there", file)
		}
		if len(bytes.TrimSpace(rest)) > 0 {
			return "", "", fmt.Errorf("password file %s has more than one line; leave only the password", file)
		}
		return user, string(line), nil
	}}
}

func cookieFile(file string) *credentials {
	return &credentials{file: file, cookie: true, parse: func(b []byte) (string, string, error) {
		user, pass, ok := strings.Cut(strings.TrimRight(string(b), "\r\n"), ":")
		if !ok || user == "" || pass == "" || strings.ContainsAny(pass, "\r\n") {
			return "", "", fmt.Errorf("cookie file %s does not hold user:password; bitcoind's is named .cookie and lies in its data folder", file)
		}
		return user, pass, nil
	}}
}

// get returns user and password, both empty for none, reading the file the first
// time.
func (c *credentials) get() (user, pass string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.loaded {
		if err := c.load(); err != nil {
			return "", "", err
		}
	}
	return c.user, c.pass, nil
}

// refused reads the file again after the node refused user and pass, and reports
// whether there is now something else to try.
func (c *credentials) refused(user, pass string) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parse == nil {
		return false, nil
	}
	if err := c.load(); err != nil {
		// The next call starts from the file again.
		c.loaded = false
		return false, err
	}
	return c.user != user || c.pass != pass, nil
}

func (c *credentials) load() error {
	b, err := readSmall(c.file, maxSecretFile)
	if err != nil {
		return err
	}
	user, pass, err := c.parse(b)
	if err != nil {
		return err
	}
	c.user, c.pass, c.loaded = user, pass, true
	return nil
}

// readSmall reads a regular file of at most limit bytes.
func readSmall(name string, limit int64) ([]byte, error) {
	// Opening a named pipe would wait for its writer, so look before.
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s is longer than %d bytes", name, limit)
	}
	return b, nil
}
