package report

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSampleToFile(t *testing.T) {
	file := os.Getenv("TOUCHSTONE_PAGE")
	if file == "" {
		t.Skip("TOUCHSTONE_PAGE names no file to write a sample page to")
	}
	var b bytes.Buffer
	require.NoError(t, HTML(&b, sampleFleet(50, 1, rogues())))
	require.NoError(t, os.WriteFile(file, b.Bytes(), 0o666))
}
