// How a channel calls gongji from Java: TLS, token, deadline, retry under the same request id, and what a refusal says.

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.Timestamps;
import com.google.rpc.ErrorInfo;
import com.google.rpc.LocalizedMessage;
import com.google.rpc.RetryInfo;
import gongji.v1.AccessPurpose;
import gongji.v1.Identification;
import gongji.v1.PersonRef;
import gongji.v1.Subject;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.AbstractStub;
import io.grpc.stub.MetadataUtils;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/** One connection, used for everything, and for whom the next calls are made. */
final class Service {
  private static final String CALLER = "reference-java"; // the installation, never a person
  private static final int ATTEMPTS = 4;
  private static final double FIRST_WAIT_S = 0.15;
  private static final double LONGEST_WAIT_S = 3;
  /** The targets on this very machine: a token is sent in clear to no other. */
  private static final String LOCAL = "(localhost|127\\.0\\.0\\.1|\\[::1\\])(:[0-9]+)?";
  private static final Metadata.Key<byte[]> SUBJECT =
      Metadata.Key.of("x-gongji-subject-bin", Metadata.BINARY_BYTE_MARSHALLER);
  /** Executed or not: the same request with the same id finds out. */
  static final Set<Status.Code> UNKNOWN = Set.of(Status.Code.UNAVAILABLE, Status.Code.DEADLINE_EXCEEDED);

  final ManagedChannel channel;
  double longestS = 10;
  byte[] subject;

  /** An error as the service explains it. */
  record Refusal(Status.Code code, String reason, String message, Map<String, String> metadata, double pauseS) {}

  /** TLS where its roots are named, with our certificate where that is too; else plain, to this very machine only. */
  Service(String target) throws IOException {
    NettyChannelBuilder builder = NettyChannelBuilder.forTarget(target);
    File ca = file("GONGJI_CA");
    if (ca == null && file("GONGJI_TOKEN_FILE") != null && !target.matches(LOCAL)) {
      throw new IllegalArgumentException("GONGJI_TOKEN_FILE：令牌不加密时只发往本机，" + target + " 不是；请设 GONGJI_CA");
    }
    channel = (ca == null ? builder.usePlaintext()
        : builder.sslContext(Tls.context(ca, file("GONGJI_CERT"), file("GONGJI_KEY")))).build();
  }

  private static File file(String variable) {
    String path = System.getenv(variable);
    return path == null || path.isEmpty() ? null : new File(path);
  }

  /** Makes the next calls for a person who has just been identified. */
  void actFor(PersonRef person) {
    subject = Subject.newBuilder().setPerson(person).setIdentification(Identification.IDENTIFICATION_FACE)
        .setIdentifiedAt(Timestamps.fromMillis(System.currentTimeMillis())).setEvidence("start-session-1")
        .setPurpose(AccessPurpose.ACCESS_PURPOSE_OWN_REQUEST).build().toByteArray();
  }

  /** A fresh id: made once for each business request, from chance alone. */
  static String newId() {
    return UUID.randomUUID().toString();
  }

  /** The reply. The same request goes out again where that is worth it, later each time and never sooner than asked. */
  <T> T call(Callable<T> method) throws Exception {
    for (int attempt = 1; ; attempt++) {
      try {
        return method.call();
      } catch (StatusRuntimeException error) {
        Refusal refusal = refusalOf(error);
        boolean again = UNKNOWN.contains(refusal.code()) || refusal.code() == Status.Code.RESOURCE_EXHAUSTED;
        if (!again || attempt >= ATTEMPTS) throw error;
        double waitS = Math.min(FIRST_WAIT_S * Math.pow(2, attempt - 1), LONGEST_WAIT_S);
        TimeUnit.MILLISECONDS.sleep((long) (1000 * Math.max(waitS, refusal.pauseS())));
      }
    }
  }

  /** A stub for one call: its deadline, who calls and for whom; else people belong in requests, never in metadata. */
  <S extends AbstractStub<S>> S with(S stub) throws IOException {
    Metadata metadata = new Metadata();
    metadata.put(ascii("x-gongji-caller"), CALLER);
    if (file("GONGJI_TOKEN_FILE") != null) {
      // Read anew each time: a token is replaced before it runs out.
      String token = Files.readString(file("GONGJI_TOKEN_FILE").toPath()).strip();
      metadata.put(ascii("authorization"), "Bearer " + token);
    }
    if (subject != null) metadata.put(SUBJECT, subject);
    return stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata))
        .withDeadlineAfter((long) (1000 * longestS), TimeUnit.MILLISECONDS);
  }

  private static Metadata.Key<String> ascii(String name) {
    return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }

  /** What an error says: ErrorInfo, the sentence, and when to come again. */
  static Refusal refusalOf(StatusRuntimeException error) throws InvalidProtocolBufferException {
    ErrorInfo info = ErrorInfo.getDefaultInstance();
    String message = error.getStatus().getDescription() == null ? "" : error.getStatus().getDescription();
    double pauseS = 0;
    for (Any detail : StatusProto.fromThrowable(error).getDetailsList()) {
      if (detail.is(ErrorInfo.class)) info = detail.unpack(ErrorInfo.class);
      if (detail.is(LocalizedMessage.class)) message = detail.unpack(LocalizedMessage.class).getMessage();
      if (detail.is(RetryInfo.class)) {
        pauseS = Timestamps.toMillis(Timestamps.add(Timestamps.EPOCH, detail.unpack(RetryInfo.class).getRetryDelay())) / 1e3;
      }
    }
    String pushback = error.getTrailers() == null ? null : error.getTrailers().get(ascii("grpc-retry-pushback-ms"));
    if (pushback != null) pauseS = Math.max(pauseS, Long.parseLong(pushback) / 1000.0);
    return new Refusal(error.getStatus().getCode(), info.getReason(), message, info.getMetadataMap(), pauseS);
  }
}
