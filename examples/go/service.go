// How a channel calls gongji from Go: TLS, token, deadline, retry under the same request id, and what a refusal says.
package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	gongjiv1 "example.com/start/gongjiv1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	caller      = "start-go" // who calls: one name for the whole installation, never a person's
	attempts    = 4
	firstWait   = 150 * time.Millisecond
	longestWait = 3 * time.Second
)

// local matches the targets on this very machine: a token is sent in clear to no other.
var local = regexp.MustCompile(`^(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?$`)

// service is one connection, used for everything, and for whom the next calls are made.
type service struct {
	*grpc.ClientConn
	deadline time.Duration
	subject  []byte // gongji.v1.Subject, packed
}

// connect opens TLS if its roots are named, with our certificate if that is too; else plain, to this very machine only.
func connect(target string) (*service, error) {
	security, ca := grpc.WithInsecure(), os.Getenv("GONGJI_CA")
	if ca == "" && os.Getenv("GONGJI_TOKEN_FILE") != "" && !local.MatchString(target) {
		return nil, fmt.Errorf("GONGJI_TOKEN_FILE：令牌不加密时只发往本机，%s 不是；请设 GONGJI_CA", target)
	}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, err
		}
		config := &tls.Config{RootCAs: x509.NewCertPool()}
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("GONGJI_CA：%s 里没有证书", ca)
		}
		if cert := os.Getenv("GONGJI_CERT"); cert != "" {
			own, err := tls.LoadX509KeyPair(cert, os.Getenv("GONGJI_KEY"))
			if err != nil {
				return nil, err
			}
			config.Certificates = []tls.Certificate{own}
		}
		security = grpc.WithTransportCredentials(credentials.NewTLS(config))
	}
	// After a broken connection the next attempt need not wait for the usual second.
	again := backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 2, MaxDelay: longestWait}
	conn, err := grpc.Dial(target, security, grpc.WithConnectParams(grpc.ConnectParams{Backoff: again}))
	return &service{ClientConn: conn, deadline: 10 * time.Second}, err
}

// context says of one call who calls and for whom; people belong in requests, else never in metadata.
func (s *service) context() (context.Context, context.CancelFunc, error) {
	said := metadata.Pairs("x-gongji-caller", caller)
	if path := os.Getenv("GONGJI_TOKEN_FILE"); path != "" {
		token, err := os.ReadFile(path) // anew each time: a token is replaced before it runs out
		if err != nil {
			return nil, nil, err
		}
		said.Set("authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	if s.subject != nil {
		said.Set("x-gongji-subject-bin", string(s.subject))
	}
	ctx, done := context.WithTimeout(metadata.NewOutgoingContext(context.Background(), said), s.deadline)
	return ctx, done, nil
}

// call sends the same request, and so the same request id, until it is answered: later each time, never sooner than asked.
func call[Q, R any](s *service, method func(context.Context, Q, ...grpc.CallOption) (R, error), request Q) (R, error) {
	for attempt, wait := 1, firstWait; ; attempt, wait = attempt+1, 2*wait {
		ctx, done, err := s.context()
		if err != nil {
			var none R
			return none, err
		}
		var trailer metadata.MD
		reply, err := method(ctx, request, grpc.Trailer(&trailer))
		done()
		if err == nil {
			return reply, nil
		}
		refused := refusalOf(err, trailer)
		if !(refused.unknown() || refused.code == codes.ResourceExhausted) || attempt == attempts {
			return reply, refused
		}
		if wait > longestWait {
			wait = longestWait
		}
		if refused.pause > wait {
			time.Sleep(refused.pause)
		} else {
			time.Sleep(wait)
		}
	}
}

// newID is made once for each business request, from chance alone: a UUID of version 4.
func newID() string {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		panic(err) // an id that is not by chance could be somebody else's
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// actsFor says for whom the next calls are made: a person who has just been identified.
func (s *service) actsFor(person *gongjiv1.PersonRef) {
	s.subject = got(proto.Marshal(&gongjiv1.Subject{
		Person: person, Identification: gongjiv1.Identification_IDENTIFICATION_FACE, IdentifiedAt: timestamppb.Now(),
		Evidence: "start-session-1", Purpose: gongjiv1.AccessPurpose_ACCESS_PURPOSE_OWN_REQUEST,
	}))
}
