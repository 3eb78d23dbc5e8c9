package main

import (
	"github.com/spf13/cobra"
)

// helpCommand prints the help of another command.
type helpCommand struct {
	program *program
}

const helpUsage = `Prints the help of a command.

Usage:
  touchstone help [COMMAND…]

Example:
  touchstone help verify headers
`

func (h *helpCommand) command() *cobra.Command {
	cmd := &cobra.Command{
		Use: "help [COMMAND…]",
		RunE: func(cmd *cobra.Command, args []string) error {
			at := cmd.Root()
			for i, name := range args {
				next, _, err := at.Find([]string{name})
				if err != nil || next == at {
					return missingCommand(at, args[i:])
				}
				at = next
			}
			return at.Help()
		},
	}
	setUsage(cmd, helpUsage)
	return cmd
}
