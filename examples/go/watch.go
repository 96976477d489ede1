// What a service tells without being asked again: its health, and what happens to people.
package main

import (
	"io"

	gongjiv1 "example.com/start/gongjiv1"
	health "google.golang.org/grpc/health/grpc_health_v1"
)

// healthOf is how a service is now: what a watcher is told first, each change comes later.
func healthOf(s *service, name string) (*health.HealthCheckResponse, error) {
	ctx, done, err := s.context()
	if err != nil {
		return nil, err
	}
	defer done()
	changes, err := health.NewHealthClient(s).Watch(ctx, &health.HealthCheckRequest{Service: name})
	if err != nil {
		return nil, err
	}
	return changes.Recv()
}

// eventsOf returns the kinds of events behind a cursor, so many at most, and where to go on. A cursor is kept when what came with it
// has been dealt with: whoever begins with it again misses nothing, after a broken connection too. "" is now.
func eventsOf(s *service, people []*gongjiv1.PersonRef, cursor string, most int) ([]string, string, error) {
	ctx, done, err := s.context()
	if err != nil {
		return nil, cursor, err
	}
	defer done()
	request := &gongjiv1.WatchRequest{Persons: people, Cursor: cursor, UntilNow: true}
	messages, err := gongjiv1.NewEventServiceClient(s).Watch(ctx, request)
	if err != nil {
		return nil, cursor, err
	}
	var kinds []string
	for {
		message, err := messages.Recv()
		if err == io.EOF {
			return kinds, cursor, nil
		}
		if err != nil {
			return kinds, cursor, err
		}
		if message.Event != nil {
			kinds = append(kinds, message.Event.Kind.String())
		}
		if cursor = message.Cursor; len(kinds) >= most {
			return kinds, cursor, nil
		}
	}
}
