package share

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Names are told apart whatever their number, and beyond the most that are kept the connection stays as welcome as those make it.
func TestSessionNames(t *testing.T) {
	s := NewValidator(Options{}).NewSession()
	welcome := func() bool {
		v, err := s.Check(&Submission{Worker: "w"})
		require.NoError(t, err)
		return v.Word != Unauthorized
	}
	require.NoError(t, s.SetExtranonce(nil, 4))
	for range 2 * maxWorkers { // one name is one
		s.Authorize("a")
	}
	s.Withdraw("b")
	require.True(t, welcome())
	s.Withdraw("a")
	require.False(t, welcome())
	for i := range 2 * maxWorkers {
		s.Authorize(fmt.Sprint(i))
	}
	require.Len(t, s.workers, maxWorkers)
	for i := range maxWorkers {
		require.True(t, welcome())
		s.Withdraw(fmt.Sprint(i))
	}
	require.False(t, welcome())
}
