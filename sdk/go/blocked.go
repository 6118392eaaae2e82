package wasmsink

import (
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/wasm-sink/wasm-sink/sdk/go/log"
)

// longest is more than any sink sleeps. Time comes by being waited for: where nobody can go on, all of it passes.
const longest = 365 * 24 * time.Hour

// watch ends the instance with a line in the log should its call wait for what never comes. Go's own report, "all
// goroutines are asleep", is many lines, of which a trap shows the last.
func watch() (stop func() bool) {
	return time.AfterFunc(longest, func() {
		stacks := make([]byte, 64<<10)
		stacks = stacks[:runtime.Stack(stacks, true)]
		log.Errorf("the sink waits, and nobody will ever wake it: %s; a component runs alone and from call to call: "+
			"take this channel, lock or group away, or have a goroutine of yours serve it", waiting(string(stacks)))
		os.Exit(2)
	}).Stop
}

// waiting is, of the stacks of all goroutines, the user's part: "[chan receive] in main.(*sink).Write (sink.go:12)".
func waiting(stacks string) string {
	var found []string
	for stack := range strings.SplitSeq(stacks, "\n\n") {
		lines := strings.Split(stack, "\n")
		_, state, _ := strings.Cut(lines[0], " [")
		var frames []string
		for i := 1; i+1 < len(lines); i += 2 {
			function, _, _ := cutLast(lines[i], "(")
			place, _, _ := strings.Cut(strings.TrimSpace(lines[i+1]), " ")
			file, _, _ := cutLast(place, ":")
			if strings.HasPrefix(function, "created by ") || len(frames) == fewFrames {
				break
			}
			if isOfUser(runtime.Frame{Function: function, File: file}) && !isOfLocks(function) {
				frames = append(frames, function+" ("+place+")")
			}
		}
		if len(frames) > 0 {
			found = append(found, "["+strings.TrimSuffix(state, ":")+" in "+strings.Join(frames, " < "))
		}
	}
	return strings.Join(found, "; ")
}

// isOfLocks tells the functions that only say what the state of the goroutine says already.
func isOfLocks(function string) bool {
	return strings.HasPrefix(function, "sync.") || strings.HasPrefix(function, "internal/sync.")
}

func cutLast(text, separator string) (before, after string, found bool) {
	if at := strings.LastIndex(text, separator); at >= 0 {
		return text[:at], text[at+len(separator):], true
	}
	return text, "", false
}
