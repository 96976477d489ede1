// TLS as grpc-java has it: with grpc-netty-shaded, or netty and its tcnative, as Maven Central has them.

import io.grpc.netty.GrpcSslContexts;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import java.io.File;
import java.io.IOException;

final class Tls {
  private Tls() {}

  /** A context with these roots, and a certificate of our own unless it is null. */
  static SslContext context(File ca, File cert, File key) throws IOException {
    SslContextBuilder tls = GrpcSslContexts.forClient().trustManager(ca);
    if (cert != null) tls.keyManager(cert, key);
    return tls.build();
  }
}
