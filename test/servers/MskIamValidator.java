import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerExtensionsValidatorCallback;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallback;

/**
 * Makes a broker take what an MSK IAM client sends as its OAUTHBEARER token: the
 * base64url of a presigned request "kafka-cluster:Connect", whose SigV4 signature
 * it recomputes.  Options in the JAAS configuration:
 *
 *   key_ID="SECRET"    an access key it knows
 *   token_ID="TOKEN"   the session token that must come with it
 *   clock="SECONDS"    how far the clock is ahead
 */
public class MskIamValidator implements AuthenticateCallbackHandler {
    /** How far the clocks of client and server may be apart, as Amazon has it. */
    private static final Duration SKEW = Duration.ofMinutes(5);
    private static final DateTimeFormatter DATE =
        DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);

    private final Map<String, String> options = new HashMap<>();

    /** Why a token is refused. */
    private static class Refused extends Exception {
        Refused(String reason) {
            super(reason);
        }
    }

    private record Token(String value, String principalName, Long startTimeMs, long lifetimeMs)
        implements OAuthBearerToken {
        public Set<String> scope() {
            return Set.of();
        }
    }

    @Override
    public void configure(Map<String, ?> settings, String mechanism, List<AppConfigurationEntry> entries) {
        for (AppConfigurationEntry entry : entries)
            entry.getOptions().forEach((name, value) -> options.put(name, (String) value));
    }

    @Override
    public void close() {
    }

    @Override
    public void handle(Callback[] callbacks) throws UnsupportedCallbackException {
        for (Callback callback : callbacks) {
            if (callback instanceof OAuthBearerValidatorCallback validation)
                validate(validation);
            else if (callback instanceof OAuthBearerExtensionsValidatorCallback extensions)
                extensions.inputExtensions().map().keySet().forEach(extensions::valid);
            else
                throw new UnsupportedCallbackException(callback);
        }
    }

    private void validate(OAuthBearerValidatorCallback validation) {
        try {
            validation.token(check(validation.tokenValue()));
        } catch (Refused | GeneralSecurityException | RuntimeException reason) {
            // For the test that reads the broker's log
            System.err.println("MskIamValidator: refused: " + reason.getMessage());
            validation.error("invalid_token", null, null);
        }
    }

    private Token check(String value) throws Refused, GeneralSecurityException {
        URI url = URI.create(new String(Base64.getUrlDecoder().decode(value), StandardCharsets.UTF_8));
        TreeMap<String, String> query = parse(url.getRawQuery());
        String signature = query.remove("X-Amz-Signature");
        String[] credential = query.getOrDefault("X-Amz-Credential", "").split("/");

        // Added after the signing
        query.remove("User-Agent");
        require(credential.length == 5, "credential");
        require(signature != null, "no signature");
        require("https".equals(url.getScheme()) && "/".equals(url.getPath()), "address " + url);
        require(url.getHost().equals("kafka." + credential[2] + ".amazonaws.com"), "host " + url.getHost());
        require(credential[3].equals("kafka-cluster") && credential[4].equals("aws4_request"), "scope");
        require("kafka-cluster:Connect".equals(query.get("Action")), "action");
        require("AWS4-HMAC-SHA256".equals(query.get("X-Amz-Algorithm")), "algorithm");
        require("host".equals(query.get("X-Amz-SignedHeaders")), "signed headers");

        String secret = options.get("key_" + credential[0]);
        String session = options.get("token_" + credential[0]);
        require(secret != null, "unknown access key");
        require(session == null ? query.get("X-Amz-Security-Token") == null
            : session.equals(query.get("X-Amz-Security-Token")), "session token");
        String expected = sign(secret, credential, url.getHost(), query);
        require(MessageDigest.isEqual(expected.getBytes(), signature.getBytes()), "signature does not match");

        Instant now = Instant.now().plusSeconds(Long.parseLong(options.getOrDefault("clock", "0")));
        Instant start = Instant.from(DATE.parse(query.get("X-Amz-Date")));
        Instant end = start.plusSeconds(Long.parseLong(query.get("X-Amz-Expires")));
        require(query.get("X-Amz-Date").startsWith(credential[1]), "date of the scope");
        require(start.isBefore(now.plus(SKEW)), "signed in the future");
        require(end.isAfter(now), "expired");
        return new Token(value, credential[0], start.toEpochMilli(), end.toEpochMilli());
    }

    private static void require(boolean holds, String reason) throws Refused {
        if (!holds)
            throw new Refused(reason);
    }

    private static TreeMap<String, String> parse(String query) throws Refused {
        TreeMap<String, String> parameters = new TreeMap<>();

        for (String parameter : query.split("&")) {
            String[] parts = parameter.split("=", 2);
            require(parts.length == 2, "parameter " + parameter);
            require(parameters.put(decode(parts[0]), decode(parts[1])) == null, "repeated " + parts[0]);
        }
        return parameters;
    }

    /** The signature of Signature Version 4, "Authenticating requests: query parameters". */
    private static String sign(String secret, String[] credential, String host, TreeMap<String, String> query)
        throws GeneralSecurityException {
        String parameters = query.entrySet().stream()
            .map(entry -> encode(entry.getKey()) + "=" + encode(entry.getValue()))
            .collect(Collectors.joining("&"));
        String request = String.join("\n", "GET", "/", parameters, "host:" + host, "", "host", sha256(""));
        String scope = String.join("/", Arrays.copyOfRange(credential, 1, 5));
        String text = String.join("\n", "AWS4-HMAC-SHA256", query.get("X-Amz-Date"), scope, sha256(request));
        byte[] key = ("AWS4" + secret).getBytes(StandardCharsets.UTF_8);

        for (int i = 1; i < 5; i++)
            key = hmac(key, credential[i]);
        return HexFormat.of().formatHex(hmac(key, text));
    }

    private static byte[] hmac(byte[] key, String text) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
    }

    private static String sha256(String text) throws GeneralSecurityException {
        return HexFormat.of().formatHex(
            MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static String decode(String text) {
        // In a URL's query as signers write it, "+" is no blank
        return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8)
            .replace("+", "%20").replace("*", "%2A").replace("%7E", "~");
    }
}
