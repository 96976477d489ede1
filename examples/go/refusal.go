// What an error of the service says, for programs and for people.
package main

import (
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// refusal is an error as the service explains it.
type refusal struct {
	code            codes.Code
	reason, message string
	metadata        map[string]string
	pause           time.Duration
}

func (r *refusal) Error() string { return r.reason + " " + r.message }

// unknown says that the call was executed or not: the same request with the same id finds out.
func (r *refusal) unknown() bool {
	return r.code == codes.Unavailable || r.code == codes.DeadlineExceeded
}

// refusalOf reads what an error says: ErrorInfo, the sentence, and when to come again.
func refusalOf(err error, trailer metadata.MD) *refusal {
	said := status.Convert(err)
	told := &refusal{code: said.Code(), message: said.Message()}
	for _, detail := range said.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			told.reason, told.metadata = detail.GetReason(), detail.GetMetadata()
		case *errdetails.LocalizedMessage:
			told.message = detail.GetMessage()
		case *errdetails.RetryInfo:
			delay := detail.GetRetryDelay()
			told.pause = time.Duration(delay.GetSeconds())*time.Second + time.Duration(delay.GetNanos())
		}
	}
	for _, pushback := range trailer.Get("grpc-retry-pushback-ms") {
		if ms, err := strconv.Atoi(pushback); err == nil && time.Duration(ms)*time.Millisecond > told.pause {
			told.pause = time.Duration(ms) * time.Millisecond
		}
	}
	return told
}
