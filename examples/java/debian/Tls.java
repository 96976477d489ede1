// TLS with Debian's netty, which was packaged without ALPN: the JDK negotiates it.

import io.netty.handler.ssl.JdkAlpn;
import io.netty.handler.ssl.SslContext;
import java.io.File;
import java.io.IOException;
import java.security.GeneralSecurityException;

final class Tls {
  private Tls() {}

  /** A context with these roots, and a certificate of our own unless it is null. */
  static SslContext context(File ca, File cert, File key) throws IOException {
    try {
      return JdkAlpn.client(ca, cert, key);
    } catch (GeneralSecurityException fault) {
      throw new IOException(fault);
    }
  }
}
