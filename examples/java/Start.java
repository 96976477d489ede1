// A channel's start with gongji in Java: see README.md. The argument is a sample family's application.

import com.google.protobuf.util.Timestamps;
import gongji.v1.*;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthGrpc;
import java.util.List;

public final class Start {
  private final Service service;
  private final BindingServiceGrpc.BindingServiceBlockingStub bindings;
  private final SettlementServiceGrpc.SettlementServiceBlockingStub settlements;

  private Start(Service service) {
    this.service = service;
    bindings = BindingServiceGrpc.newBlockingStub(service.channel);
    settlements = SettlementServiceGrpc.newBlockingStub(service.channel);
  }

  /** Asks once, and watches. */
  private void checkHealth() throws Exception {
    var health = HealthGrpc.newBlockingStub(service.channel);
    var asked = HealthCheckRequest.getDefaultInstance();
    System.out.println("健康检查：" + service.call(() -> service.with(health).check(asked)).getStatus());
    System.out.println("结算服务现在：" + Watch.healthOf(service, "gongji.v1.SettlementService"));
  }

  /** Applies, first with too little, deciding only: what is unmet comes whole. Then with everything; records the consent. */
  private Binding bind(SubmitBindingRequest application) throws Exception {
    service.actFor(application.getHolder());
    var bare = application.toBuilder().clearAgreement().clearIdentityChecks().setValidateOnly(true).setExplain(true).build();
    var unmet = service.call(() -> service.with(bindings).submitBinding(bare)).getUnmet();
    System.out.printf("绑定（只问不办）：%s，%d 个条件不符合：%n", unmet.getReason(), unmet.getConditionsCount());
    for (var one : unmet.getConditionsList()) {
      System.out.printf("  %s %s（%s）：%s%n", one.getCode(), one.getFields(0).getPath(),
          String.join(",", one.getClausesList()), one.getMessage());
      for (var step : one.getWaysCount() == 0 ? List.<Step>of() : one.getWays(0).getStepsList()) {
        System.out.println("    办法：" + step.getText());
      }
    }
    Binding binding = service.call(() -> service.with(bindings).submitBinding(application)).getBinding();
    if (binding.getState() == BindingState.BINDING_STATE_AWAITING_CONSENT) {
      service.actFor(application.getMember());
      var request = RecordConsentRequest.newBuilder().setRequestId(Service.newId()).setBindingId(binding.getBindingId());
      request.getConsentBuilder().setMethod(ConsentMethod.CONSENT_METHOD_OWN_ACCOUNT)
          .setAt(Timestamps.fromMillis(System.currentTimeMillis()));
      binding = service.call(() -> service.with(bindings).recordConsent(request.build())).getBinding();
    }
    System.out.println("绑定：" + binding.getBindingId() + " " + binding.getState());
    return binding.getState() == BindingState.BINDING_STATE_UNDER_REVIEW ? reviewed(binding) : binding;
  }

  /** Approves what is under review: the operator of a trial may, a channel waits for the city's reviewer. */
  private Binding reviewed(Binding binding) throws Exception {
    var request = ReviewBindingRequest.newBuilder().setRequestId(Service.newId()).setBindingId(binding.getBindingId())
        .setReviewer("clerk-1").setVerdict(ReviewVerdict.REVIEW_VERDICT_APPROVE).build();
    var approved = service.call(() -> service.with(bindings).reviewBinding(request)).getBinding();
    System.out.println("审核通过：" + approved.getBindingId() + " " + approved.getState());
    return approved;
  }

  /** Settles, and sends the same request again, as after a lost reply: the money moves once. */
  private String settle(Bill bill) throws Exception {
    var quote = QuoteRequest.newBuilder().setBill(bill).build();
    var quoted = service.call(() -> service.with(settlements).quote(quote)).getSettlement();
    System.out.printf("预结算：统筹 %s，账户 %s（共济 %s），现金 %s%n", Money.inYuan(quoted.getFundFen()),
        Money.inYuan(quoted.getAccountFen()), Money.inYuan(quoted.getAidFen()), Money.inYuan(quoted.getCashFen()));
    var request = SettleRequest.newBuilder().setRequestId(Service.newId()).setBill(bill).build();
    var settled = service.call(() -> service.with(settlements).settle(request)).getSettlement();
    var again = service.call(() -> service.with(settlements).settle(request));
    System.out.printf("结算：%s；同号重发：%s，replayed = %b%n", settled.getSettlementId(),
        again.getSettlement().getSettlementId(), again.getReceipt().getReplayed());
    return settled.getSettlementId();
  }

  /** Reverses, and once more under a new id, which is refused. */
  private void reverse(String settlementId) throws Exception {
    var request = ReverseRequest.newBuilder().setSettlementId(settlementId).setWhy("患者退费");
    var first = request.setRequestId(Service.newId()).build();
    for (var refund : service.call(() -> service.with(settlements).reverse(first)).getRefundsList()) {
      System.out.println("撤销：" + Money.inYuan(refund.getFen()) + " 退回 " + refund.getPurse() + " 的账户");
    }
    var second = request.setRequestId(Service.newId()).build();
    try {
      service.call(() -> service.with(settlements).reverse(second));
    } catch (StatusRuntimeException error) {
      var refused = Service.refusalOf(error);
      System.out.println("再撤一次，被拒绝：" + refused.reason() + " " + refused.message());
    }
  }

  /** Reads the patient's rows page by page: only a page without a token is the last. */
  private void list(Bill bill) throws Exception {
    var request = ListSettlementsRequest.newBuilder().setPatient(bill.getPatient())
        .setFromDay(bill.getServiceDay()).setToDay(bill.getServiceDay());
    request.getPageBuilder().setSize(1);
    int pages = 0;
    int rows = 0;
    do {
      var page = request.build();
      var reply = service.call(() -> service.with(settlements).listSettlements(page));
      pages++;
      rows += reply.getRowsCount();
      request.getPageBuilder().setToken(reply.getNextPageToken());
    } while (!request.getPage().getToken().isEmpty());
    System.out.printf("列出：%d 页，%d 行%n", pages, rows);
  }

  private void unbind(Binding binding) throws Exception {
    var request = UnbindRequest.newBuilder().setRequestId(Service.newId()).setBindingId(binding.getBindingId())
        .setChannel(binding.getChannel()).build();
    var ended = service.call(() -> service.with(bindings).unbind(request)).getBinding();
    System.out.println("解绑：" + ended.getBindingId() + " " + ended.getState());
  }

  /** Tells three events since a cursor, and after a break the rest: none is missed. */
  private void watch(List<PersonRef> people, String cursor) throws Exception {
    var first = Watch.of(service, people, cursor, 3);
    var rest = Watch.of(service, people, first.cursor(), 100);
    System.out.printf("事件：%s；断开再续：%s%n", String.join("、", first.kinds()), String.join("、", rest.kinds()));
  }

  public static void main(String[] arguments) throws Exception {
    var start = new Start(new Service(System.getenv("GONGJI_TARGET")));
    start.checkHealth();
    var sample = Sample.of(arguments[0]);
    var application = sample.application().setRequestId(Service.newId()).build();
    Bill bill = sample.bill().setTotalFen(Money.fen("2000.50")).setInScopeFen(Money.fen("2000.50")).build();
    var people = List.of(application.getHolder(), application.getMember());
    String begun = Watch.of(start.service, people, "", 0).cursor();
    Binding binding = start.bind(application);
    start.service.actFor(bill.getPatient());
    start.reverse(start.settle(bill));
    start.list(bill);
    start.service.actFor(application.getHolder());
    start.unbind(binding);
    start.watch(people, begun);
    start.service.channel.shutdownNow();
  }
}
