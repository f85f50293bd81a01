// Judges a history of one compare-and-set register with Porcupine.
//
// Usage: judge FILE
//
// The file has one operation per line, as words between spaces: "read", "write" or
// "cas", and then as integers what it expected, what it wrote, what it found, its
// client, when it was invoked and when it returned.  An operation that may have
// happened or not returns "never", whatever it found.  After the word "ready" each
// line of standard input asks for one more check; the answer is a line with its CPU
// seconds and "true" or "false".
package main

import (
	"bufio"
	"fmt"
	"log"
	"math"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/anishathalye/porcupine"
)

type kind uint8

const (
	read kind = iota
	write
	compareAndSet
)

var kinds = map[string]kind{"read": read, "write": write, "cas": compareAndSet}

type input struct {
	kind               kind
	expected, argument int
}

type output struct {
	known bool
	found int
}

// absent is what the register holds at first, and what nobody writes.
const absent = -2

var register = porcupine.Model{
	Init: func() interface{} { return absent },
	Step: func(state, in, out interface{}) (bool, interface{}) {
		held, asked, answer := state.(int), in.(input), out.(output)
		if asked.kind == write {
			return true, asked.argument
		}
		if answer.known && answer.found != held {
			return false, state
		}
		if asked.kind == compareAndSet && asked.expected == held {
			return true, asked.argument
		}
		return true, state
	},
}

func operations(path string) []porcupine.Operation {
	file, err := os.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	var all []porcupine.Operation
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		returned, answer := int64(math.MaxInt64), output{}
		if fields[6] != "never" {
			returned = number(fields[6])
			answer = output{known: true, found: int(number(fields[3]))}
		}
		all = append(all, porcupine.Operation{
			ClientId: int(number(fields[4])),
			Input:    input{kinds[fields[0]], int(number(fields[1])), int(number(fields[2]))},
			Output:   answer,
			Call:     number(fields[5]),
			Return:   returned,
		})
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
	return all
}

func number(text string) int64 {
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func main() {
	history := operations(os.Args[1])
	fmt.Println("ready")
	for asked := bufio.NewScanner(os.Stdin); asked.Scan(); {
		began := cpuTime()
		valid := porcupine.CheckOperations(register, history)
		fmt.Println((cpuTime() - began).Seconds(), valid)
	}
}
