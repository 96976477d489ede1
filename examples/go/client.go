package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	gongjiv1 "example.com/start/gongjiv1"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/protobuf/proto"
)

const readings = 3 // how often a list is begun before its reader is told

// task is a task of the conformance suite, which tests/conformance/README.md describes.
type task struct {
	Do                                  string
	Bill, Application, Patient, Subject json.RawMessage
	FromDay                             string  `json:"from_day"`
	ToDay                               string  `json:"to_day"`
	PageSize                            int32   `json:"page_size"`
	SettlementID                        string  `json:"settlement_id"`
	DeadlineS                           float64 `json:"deadline_s"`
	Seconds                             float64
}

type result map[string]any

// performAll does the tasks and prints a line of JSON for each.
func performAll(s *service, text string) {
	var tasks []task
	check(json.Unmarshal([]byte(text), &tasks))
	longest := s.deadline
	for _, t := range tasks {
		if s.deadline = longest; t.DeadlineS > 0 {
			s.deadline = time.Duration(t.DeadlineS * float64(time.Second))
		}
		if s.subject = nil; t.Subject != nil {
			s.subject = got(proto.Marshal(got(read(t.Subject, &gongjiv1.Subject{}))))
		}
		id := newID()
		done, err := perform(s, t, id)
		switch refused, ok := err.(*refusal); {
		case err == nil:
			done["outcome"] = "done"
		case !ok:
			check(err)
		case refused.unknown():
			done = result{"outcome": "unknown", "code": code.Code(refused.code).String(), "request_id": id}
		default:
			done = result{"outcome": "refused", "code": code.Code(refused.code).String(), "reason": refused.reason,
				"message": refused.message}
		}
		fmt.Println(string(got(json.Marshal(done))))
	}
}

func perform(s *service, t task, id string) (result, error) {
	settlements := gongjiv1.NewSettlementServiceClient(s)
	switch t.Do {
	case "quote":
		request := &gongjiv1.QuoteRequest{Bill: got(read(t.Bill, &gongjiv1.Bill{}))}
		reply, err := call(s, settlements.Quote, request)
		return result{"fund_fen": text(reply.GetSettlement().GetFundFen())}, err
	case "settle":
		request := &gongjiv1.SettleRequest{RequestId: id, Bill: got(read(t.Bill, &gongjiv1.Bill{}))}
		reply, err := call(s, settlements.Settle, request)
		settled := reply.GetSettlement()
		return result{"settlement_id": settled.GetSettlementId(), "fund_fen": text(settled.GetFundFen()),
			"replayed": reply.GetReceipt().GetReplayed()}, err
	case "submit":
		request := got(read(t.Application, &gongjiv1.SubmitBindingRequest{}))
		request.RequestId = id
		reply, err := call(s, gongjiv1.NewBindingServiceClient(s).SubmitBinding, request)
		// A state of a later version comes as its number.
		return result{"binding_id": reply.GetBinding().GetBindingId(), "state": reply.GetBinding().GetState().String()}, err
	case "reverse":
		request := &gongjiv1.ReverseRequest{RequestId: id, Why: "患者退费",
			Original: &gongjiv1.ReverseRequest_SettlementId{SettlementId: t.SettlementID}}
		reply, err := call(s, settlements.Reverse, request)
		return result{"settlement_id": reply.GetSettlement().GetSettlementId(), "replayed": reply.GetReceipt().GetReplayed()}, err
	case "list":
		for reading := 1; ; reading++ {
			rows, err := pages(s, t)
			// From the first page again, and without the rows read, where a token is not accepted.
			if refused, ok := err.(*refusal); !ok || refused.reason != "PAGE_TOKEN_INVALID" || reading == readings {
				return result{"settlement_ids": rows}, err
			}
		}
	case "wait":
		time.Sleep(time.Duration(t.Seconds * float64(time.Second)))
		return result{}, nil
	}
	return nil, fmt.Errorf("不认识的任务 %q", t.Do)
}

// pages reads the rows of every page: only a page without a token is the last, however few rows a page has.
func pages(s *service, t task) ([]string, error) {
	patient := got(read(t.Patient, &gongjiv1.PersonRef{}))
	request := &gongjiv1.ListSettlementsRequest{Side: &gongjiv1.ListSettlementsRequest_Patient{Patient: patient},
		FromDay: t.FromDay, ToDay: t.ToDay, Page: &gongjiv1.PageRequest{Size: t.PageSize}}
	rows := []string{}
	for {
		reply, err := call(s, gongjiv1.NewSettlementServiceClient(s).ListSettlements, request)
		if err != nil {
			return nil, err
		}
		for _, row := range reply.Rows {
			// A reversed settlement has a second row, its refund, on the day of that.
			if !row.Refund {
				rows = append(rows, row.SettlementId)
			}
		}
		if request.Page.Token = reply.NextPageToken; request.Page.Token == "" {
			return rows, nil
		}
	}
}

// text is an amount for JSON: readers without int64 would round the number.
func text(fen int64) string { return strconv.FormatInt(fen, 10) }
