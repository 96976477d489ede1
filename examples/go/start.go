// A channel's start with gongji in Go: see README.md. Without an argument it does the tasks of the conformance suite.
package main

import (
	"fmt"
	"log"
	"os"
	"strings"

	gongjiv1 "example.com/start/gongjiv1"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// check ends the program with what the service said: the reason for programs, the sentence for people.
func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// got is a reply that must have come.
func got[R any](reply R, err error) R {
	check(err)
	return reply
}

// bind applies, first with too little, deciding only: what is unmet comes whole. Then with everything, and records the member's consent.
func bind(s *service, application *gongjiv1.SubmitBindingRequest) *gongjiv1.Binding {
	bindings := gongjiv1.NewBindingServiceClient(s)
	s.actsFor(application.Holder)
	bare := proto.Clone(application).(*gongjiv1.SubmitBindingRequest)
	bare.Agreement, bare.IdentityChecks, bare.ValidateOnly, bare.Explain = nil, nil, true, true
	unmet := got(call(s, bindings.SubmitBinding, bare)).Unmet
	fmt.Printf("绑定（只问不办）：%s，%d 个条件不符合：\n", unmet.Reason, len(unmet.Conditions))
	for _, one := range unmet.Conditions {
		fmt.Printf("  %s %s（%s）：%s\n", one.Code, one.Fields[0].Path, strings.Join(one.Clauses, ","), one.Message)
		if len(one.Ways) > 0 {
			for _, step := range one.Ways[0].Steps {
				fmt.Printf("    办法：%s\n", step.Text)
			}
		}
	}
	binding := got(call(s, bindings.SubmitBinding, application)).Binding
	if binding.State == gongjiv1.BindingState_BINDING_STATE_AWAITING_CONSENT {
		s.actsFor(application.Member)
		consent := &gongjiv1.Consent{Method: gongjiv1.ConsentMethod_CONSENT_METHOD_OWN_ACCOUNT, At: timestamppb.Now()}
		request := &gongjiv1.RecordConsentRequest{RequestId: newID(), BindingId: binding.BindingId, Consent: consent}
		binding = got(call(s, bindings.RecordConsent, request)).Binding
	}
	fmt.Printf("绑定：%s %s\n", binding.BindingId, binding.State)
	if binding.State == gongjiv1.BindingState_BINDING_STATE_UNDER_REVIEW {
		// The operator of a trial may approve; a channel waits for the city's reviewer.
		request := &gongjiv1.ReviewBindingRequest{RequestId: newID(), BindingId: binding.BindingId, Reviewer: "clerk-1",
			Verdict: gongjiv1.ReviewVerdict_REVIEW_VERDICT_APPROVE}
		binding = got(call(s, bindings.ReviewBinding, request)).Binding
		fmt.Printf("审核通过：%s %s\n", binding.BindingId, binding.State)
	}
	return binding
}

// settle settles a bill, and sends the same request again, as after a lost reply: the money moves once.
func settle(s *service, bill *gongjiv1.Bill) *gongjiv1.Settlement {
	settlements := gongjiv1.NewSettlementServiceClient(s)
	quote := got(call(s, settlements.Quote, &gongjiv1.QuoteRequest{Bill: bill})).Settlement
	fmt.Printf("预结算：统筹 %s，账户 %s（共济 %s），现金 %s\n",
		inYuan(quote.FundFen), inYuan(quote.AccountFen), inYuan(quote.AidFen), inYuan(quote.CashFen))
	request := &gongjiv1.SettleRequest{RequestId: newID(), Bill: bill}
	settled := got(call(s, settlements.Settle, request))
	again := got(call(s, settlements.Settle, request))
	fmt.Printf("结算：%s；同号重发：%s，replayed = %t\n",
		settled.Settlement.SettlementId, again.Settlement.SettlementId, again.Receipt.Replayed)
	return settled.Settlement
}

// list reads the patient's rows page by page: only a page without a token is the last.
func list(s *service, patient *gongjiv1.PersonRef, day string) {
	request := &gongjiv1.ListSettlementsRequest{
		Side: &gongjiv1.ListSettlementsRequest_Patient{Patient: patient}, FromDay: day, ToDay: day,
		Page: &gongjiv1.PageRequest{Size: 1},
	}
	rows, pages := 0, 0
	for {
		reply := got(call(s, gongjiv1.NewSettlementServiceClient(s).ListSettlements, request))
		rows, pages = rows+len(reply.Rows), pages+1
		if request.Page.Token = reply.NextPageToken; request.Page.Token == "" {
			fmt.Printf("列出：%d 页，%d 行\n", pages, rows)
			return
		}
	}
}

// watch tells three events since a cursor, and after a break the rest: none is missed.
func watch(s *service, people []*gongjiv1.PersonRef, cursor string) {
	first, cursor, err := eventsOf(s, people, cursor, 3)
	check(err)
	rest, _, err := eventsOf(s, people, cursor, 100)
	check(err)
	fmt.Printf("事件：%s；断开再续：%s\n", strings.Join(first, "、"), strings.Join(rest, "、"))
}

func main() {
	s := got(connect(os.Getenv("GONGJI_TARGET")))
	if len(os.Args) < 2 {
		performAll(s, os.Getenv("GONGJI_TASK"))
		return
	}
	healthy := got(call(s, health.NewHealthClient(s).Check, &health.HealthCheckRequest{}))
	fmt.Printf("健康检查：%s\n", healthy.Status)
	fmt.Printf("结算服务现在：%s\n", got(healthOf(s, "gongji.v1.SettlementService")).Status)

	application, bill := prepared(os.Args[1])
	bill.TotalFen = got(fen("2000.50"))
	bill.InScopeFen = bill.TotalFen
	people := []*gongjiv1.PersonRef{application.Holder, application.Member}
	_, begun, err := eventsOf(s, people, "", 0)
	check(err)
	binding := bind(s, application)
	s.actsFor(bill.Patient)
	settlement := settle(s, bill)
	reverse := &gongjiv1.ReverseRequest{RequestId: newID(), Why: "患者退费",
		Original: &gongjiv1.ReverseRequest_SettlementId{SettlementId: settlement.SettlementId}}
	for _, refund := range got(call(s, gongjiv1.NewSettlementServiceClient(s).Reverse, reverse)).Refunds {
		fmt.Printf("撤销：%s 退回 %s 的账户\n", inYuan(refund.Fen), refund.Purse)
	}
	reverse.RequestId = newID()
	_, err = call(s, gongjiv1.NewSettlementServiceClient(s).Reverse, reverse)
	fmt.Printf("再撤一次，被拒绝：%v\n", err)
	list(s, bill.Patient, bill.ServiceDay)
	s.actsFor(application.Holder)
	unbind := &gongjiv1.UnbindRequest{RequestId: newID(), BindingId: binding.BindingId, Channel: application.Channel}
	fmt.Printf("解绑：%s %s\n", binding.BindingId,
		got(call(s, gongjiv1.NewBindingServiceClient(s).Unbind, unbind)).Binding.State)
	watch(s, people, begun)
}
