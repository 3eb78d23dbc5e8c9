package report

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// browser returns how to start Chromium, or skips the test.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("SKIPPED: no chromium in PATH: the page was not tried in a browser")
	return ""
}

// browse starts Chromium with a fresh profile and returns what it wrote to standard output.
func browse(t *testing.T, args ...string) string {
	t.Helper()
	path := browser(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	args = append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--enable-logging=stderr", "--user-data-dir=" + t.TempDir()}, args...)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.WaitDelay = 5 * time.Second
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	require.NoError(t, cmd.Run(), "%s", err.String())
	for l := range strings.Lines(err.String()) {
		require.NotContains(t, l, "CONSOLE", "the page complains")
	}
	return out.String()
}

// measure is a page that shows another in frames of two widths and writes down how it came out.
const measure = `<!DOCTYPE html><meta charset="utf-8"><title>measure</title><body style="margin:0"><p id="w1400"></p><p id="w380"></p>
<script>
for (const width of [1400, 380]) {
  const frame = document.createElement("iframe");
  frame.width = width; frame.height = 900; frame.style.border = 0; frame.src = "/page";
  frame.addEventListener("load", () => {
    const w = frame.contentWindow, d = w.document, root = d.documentElement;
    for (const e of d.querySelectorAll("details")) e.open = true;
    let wide = "";
    for (const e of d.body.querySelectorAll("*")) {
      if (e.closest(".scroll") || e.closest("svg") || e.closest(".spoken") || e.closest("thead")) continue;
      const r = e.getBoundingClientRect();
      if (r.width > 0 && r.right > root.clientWidth + 1) { wide = e.tagName + "." + e.className; break; }
    }
    const scales = [...d.querySelectorAll("figure svg")].map(s => s.getBoundingClientRect().width / s.viewBox.baseVal.width);
    document.getElementById("w" + width).textContent = JSON.stringify({client: root.clientWidth, scroll: root.scrollWidth, wide: wide,
      loaded: w.performance.getEntriesByType("resource").length, drawings: scales.length, rows: d.querySelectorAll(".fleet tbody tr").length,
      legible: Math.min(...scales) >= 0.75 && Math.max(...scales) <= 1.3, end: d.body.lastElementChild.tagName});
  });
  document.body.append(frame);
}
</script>`

// TestPageInBrowser opens the page in Chromium, wide and narrow: it is complete, nothing is wider than the window, the drawings
// keep a scale at which their text can be read, nothing is loaded, and nobody complains.
func TestPageInBrowser(t *testing.T) {
	t.Parallel()
	browser(t)
	text := pageOf(t, sampleFleet(50, 1, rogues()))
	var mu sync.Mutex
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.Path)
		mu.Unlock()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		switch r.URL.Path {
		case "/page":
			fmt.Fprint(w, text)
		case "/measure":
			fmt.Fprint(w, measure)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	defer server.Close()
	out := browse(t, "--window-size=1500,1000", "--virtual-time-budget=20000", "--dump-dom", server.URL+"/measure")
	for _, width := range []int{1400, 380} {
		_, result, ok := strings.Cut(out, fmt.Sprintf(`<p id="w%d">`, width))
		require.True(t, ok, "%.1000s", out)
		result, _, _ = strings.Cut(result, "</p>")
		require.JSONEq(t, fmt.Sprintf(`{"client":%d,"scroll":%d,"wide":"","loaded":0,"drawings":250,"rows":50,"legible":true,"end":"MAIN"}`, width, width), result)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, path := range asked {
		require.Contains(t, []string{"/page", "/measure", "/favicon.ico"}, path)
	}
}

// TestPageAsFile opens the page from a file: pictures of it are not blank, in daylight and in the dark.
func TestPageAsFile(t *testing.T) {
	t.Parallel()
	browser(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "audit.html")
	require.NoError(t, os.WriteFile(file, []byte(pageOf(t, sampleFleet(50, 1, rogues()))), 0o666))
	for name, args := range map[string][]string{"day": {"--window-size=1400,1000"}, "dark": {"--window-size=1400,1000", "--blink-settings=preferredColorScheme=0"}} {
		shot := filepath.Join(dir, name+".png")
		browse(t, append(args, "--screenshot="+shot, "file://"+file)...)
		f, err := os.Open(shot)
		require.NoError(t, err)
		picture, err := png.Decode(f)
		f.Close()
		require.NoError(t, err)
		ink, corner := inked(picture)
		require.Greater(t, ink, 0.01, name)
		require.Less(t, ink, 0.5, name)
		require.Equal(t, name == "dark", corner < 0x4000, "%s: the page's corner has the brightness %#x", name, corner)
	}
}

// inked returns which part of a picture differs from its corner, and how bright that is.
func inked(p image.Image) (part float64, corner uint32) {
	b := p.Bounds()
	r, g, bl, _ := p.At(b.Min.X, b.Min.Y).RGBA()
	n := 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if r1, g1, b1, _ := p.At(x, y).RGBA(); r1 != r || g1 != g || b1 != bl {
				n++
			}
		}
	}
	return float64(n) / float64(b.Dx()*b.Dy()), (r + g + bl) / 3
}
