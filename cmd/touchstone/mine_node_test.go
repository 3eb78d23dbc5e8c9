package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/testvectors"
)

const regtestAddress = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"

// What a node does wrong at the start ends the command with one line that names
// it, and exit code 2.
func TestMineBadNodes(t *testing.T) {
	template := func(name string) string {
		for _, v := range testvectors.Templates() {
			if strings.HasSuffix(v.Name, name) {
				return string(v.JSON)
			}
		}
		t.Fatalf("no template %s", name)
		return ""
	}
	rpc := func(results map[string]string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var call struct {
				ID     json.RawMessage
				Method string
			}
			if json.NewDecoder(r.Body).Decode(&call) != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			result, ok := results[call.Method]
			if !ok {
				w.WriteHeader(http.StatusInternalServerError)
				fmt.Fprintf(w, `{"result":null,"error":{"code":-32601,"message":"Method not found"},"id":%s}`, call.ID)
				return
			}
			fmt.Fprintf(w, `{"result":%s,"error":null,"id":%s}`, result, call.ID)
		}
	}
	chain := func(name string) string { return fmt.Sprintf(`{"chain":%q,"blocks":1}`, name) }
	status := func(code int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			io.WriteString(w, text)
		}
	}
	for _, c := range []struct {
		name    string
		node    http.HandlerFunc
		address string
		says    []string
	}{
		{"401", status(http.StatusUnauthorized, ""), regtestAddress, []string{"401", "hint: "}},
		{"403", status(http.StatusForbidden, ""), regtestAddress, []string{"403"}},
		{"404 page", status(http.StatusNotFound, "<html>no</html>"), regtestAddress, []string{"404"}},
		{"500", status(http.StatusInternalServerError, ""), regtestAddress, []string{"500"}},
		{"page", status(http.StatusOK, "<html>hello</html>"), regtestAddress, []string{"JSON"}},
		{"dropped", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, regtestAddress, nil},
		{"half an answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, `{"result":`)
		}, regtestAddress, nil},
		{"another chain", rpc(map[string]string{"getblockchaininfo": chain("main")}), regtestAddress, []string{"mainnet", "regtest"}},
		{"address of another chain", rpc(map[string]string{"getblockchaininfo": chain("regtest")}),
			"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", []string{"mainnet", "regtest"}},
		{"unknown chain", rpc(map[string]string{"getblockchaininfo": chain("dogecoin")}), regtestAddress, []string{"dogecoin"}},
		{"no getblocktemplate", rpc(map[string]string{"getblockchaininfo": chain("regtest")}), regtestAddress, []string{"getblocktemplate"}},
		{"empty template", rpc(map[string]string{"getblockchaininfo": chain("regtest"), "getblocktemplate": "{}"}), regtestAddress, nil},
		{"template that lies, and is named", rpc(map[string]string{
			"getblockchaininfo": chain("test"), "getblocktemplate": template("testnet3-1038222-btcpool"),
		}), "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", []string{"commitment", "error: http://127.0.0.1:"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(c.node)
			server.Config.ErrorLog = nil
			t.Cleanup(server.Close)
			url := strings.Replace(server.URL, "http://", "http://user:secret-word@", 1)
			var out, log bytes.Buffer
			code := testProgram(nil, &out, &log).run(t.Context(), []string{
				"mine", "--node", url, "--address", c.address, "--datadir", t.TempDir(), "--threads", "1",
			})
			t.Log(log.String())
			require.Equal(t, exitCannotJudge, code)
			require.Empty(t, out.String())
			require.Equal(t, 1, strings.Count(log.String(), "touchstone: error: "))
			for _, words := range c.says {
				require.Contains(t, log.String(), words)
			}
			require.NotContains(t, log.String(), "secret-word")
			for _, line := range strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n") {
				require.True(t, strings.HasPrefix(line, "touchstone: "), line)
			}
		})
	}
}

// Passwords come from where the flags say, and a folder that another process
// holds is named.
func TestMineCredentials(t *testing.T) {
	var authorized bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		authorized = user == "me" && password == "word"
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte("word\n"), 0o600))
	var log bytes.Buffer
	code := testProgram(nil, io.Discard, &log).run(t.Context(), []string{
		"mine", "--node", server.URL, "--address", regtestAddress, "--datadir", t.TempDir(), "--rpc-user", "me", "--rpc-password-file", file,
	})
	require.Equal(t, exitCannotJudge, code)
	require.True(t, authorized, log.String())
}
