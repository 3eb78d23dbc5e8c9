package main

import (
	"github.com/spf13/cobra"
)

// completionCommand prints completion scripts.
type completionCommand struct {
	program *program
}

const completionUsage = `Prints a script that teaches a shell to complete touchstone's commands, flags
and their values.

Usage:
  touchstone completion bash|zsh|fish|powershell

Example, for bash:
  source <(touchstone completion bash)
`

var shells = []string{"bash", "zsh", "fish", "powershell"}

func (c *completionCommand) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:       "completion SHELL",
		ValidArgs: shells,
		RunE:      c.run,
	}
	setUsage(cmd, completionUsage)
	return cmd
}

func (c *completionCommand) run(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(cmd, "name one shell: bash, zsh, fish or powershell")
	}
	root, out := cmd.Root(), c.program.con
	switch args[0] {
	case "bash":
		return root.GenBashCompletionV2(out, true)
	case "zsh":
		return root.GenZshCompletion(out)
	case "fish":
		return root.GenFishCompletion(out, true)
	case "powershell":
		return root.GenPowerShellCompletionWithDesc(out)
	}
	return usageError(cmd, "no completion for shell %q: bash, zsh, fish and powershell have one", args[0])
}
