// What Debian leaves out of netty: ALPN by the JDK's own engine. Beside netty's classes, whose wrapper it uses.

package io.netty.handler.ssl;

import io.netty.buffer.ByteBufAllocator;
import io.netty.handler.codec.http2.Http2SecurityUtil;
import java.io.File;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManagerFactory;

public final class JdkAlpn {
  private static final char[] NO_PASSWORD = new char[0];

  private JdkAlpn() {}

  /** A client's context with these roots, and a certificate of our own unless it is null. */
  public static SslContext client(File ca, File cert, File key) throws IOException, GeneralSecurityException {
    KeyStore roots = empty();
    int number = 0;
    for (var root : SslContext.toX509Certificates(ca)) roots.setCertificateEntry("root" + number++, root);
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(roots);
    KeyStore own = empty();
    if (cert != null) {
      var chain = SslContext.toX509Certificates(cert);
      own.setKeyEntry("own", SslContext.toPrivateKey(key, null), NO_PASSWORD, chain);
    }
    KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    keys.init(own, NO_PASSWORD);
    SSLContext jdk = SSLContext.getInstance("TLS");
    jdk.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
    return new JdkSslContext(jdk, true, Http2SecurityUtil.CIPHERS, SupportedCipherSuiteFilter.INSTANCE,
        new Negotiator(), ClientAuth.NONE, new String[] {"TLSv1.3", "TLSv1.2"}, false);
  }

  private static KeyStore empty() throws IOException, GeneralSecurityException {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    return store;
  }

  private static final class Negotiator extends JdkBaseApplicationProtocolNegotiator {
    Negotiator() {
      super(new Wrapper(), FAIL_SELECTOR_FACTORY, FAIL_SELECTION_LISTENER_FACTORY, "h2");
    }
  }

  private static final class Wrapper extends JdkApplicationProtocolNegotiator.AllocatorAwareSslEngineWrapperFactory {
    @Override
    SSLEngine wrapSslEngine(SSLEngine engine, ByteBufAllocator allocator,
        JdkApplicationProtocolNegotiator negotiator, boolean isServer) {
      return new Java9SslEngine(engine, negotiator, isServer);
    }
  }
}
