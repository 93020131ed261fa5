/*-------------------------------------------------------------------------
 *
 * http_probe.c
 *	  What the connection of a probe was like: its phases, address and TLS.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "net/http_internal.h"

/*
 * libcurl tells version and cipher of a connection only in what it says to
 * people: "SSL connection using TLSv1.3 / TLS_AES_256_GCM_SHA384".
 */
static int
on_remark(CURL *easy, curl_infotype type, char *text, size_t n, void *arg)
{
	static const char start[] = "SSL connection using ";
	HttpTransfer *transfer = arg;
	size_t		skip = strlen(start);

	if (type != CURLINFO_TEXT || n <= skip || memcmp(text, start, skip) != 0)
		return 0;
	n = Min(n - skip, sizeof(transfer->tls) - 1);
	memcpy(transfer->tls, text + skip, n);
	transfer->tls[n] = '\0';
	transfer->tls[strcspn(transfer->tls, "\r\n")] = '\0';
	return 0;
}

bool
http_set_probe_options(HttpTransfer *transfer, bool connect_only)
{
	CURL	   *easy = transfer->easy;
	bool		ok = true;

	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
	SET(CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	SET(CURLOPT_CERTINFO, 1L);
	SET(CURLOPT_DEBUGFUNCTION, on_remark);
	SET(CURLOPT_DEBUGDATA, transfer);
	SET(CURLOPT_VERBOSE, 1L);
	SET(CURLOPT_CONNECT_ONLY, connect_only ? 1L : 0L);
	transfer->tls[0] = '\0';
	return ok;
}

/*
 * Where it is, or ended, and when each phase was over: what has not come to
 * pass has the time 0.
 */
static HttpPhase
phase_of(const HttpTransfer *transfer, const curl_off_t *ends, bool tls)
{
	if (transfer->state == HTTP_FAILED)
	{
		if (transfer->code == CURLE_COULDNT_RESOLVE_HOST)
			return HTTP_LOOKUP;
		if (transfer->code == CURLE_COULDNT_CONNECT)
			return HTTP_CONNECT;
		if (transfer->failure == HTTP_TLS_CERTIFICATE ||
			transfer->code == CURLE_SSL_CONNECT_ERROR ||
			strncmp(transfer->text, "SSL ", 4) == 0)	/* timed out */
			return HTTP_HANDSHAKE;
	}
	if (ends[HTTP_LOOKUP] == 0)
		return HTTP_LOOKUP;
	if (ends[HTTP_CONNECT] == 0)
		return HTTP_CONNECT;
	return tls && ends[HTTP_HANDSHAKE] == 0 ? HTTP_HANDSHAKE : HTTP_ANSWER;
}

/* The value of "Name:value" among what is told of a certificate. */
static void
take_certificate_item(char *to, size_t room, const struct curl_slist *items, const char *name)
{
	size_t		n = strlen(name);

	for (; items != NULL; items = items->next)
		if (strncmp(items->data, name, n) == 0 && items->data[n] == ':')
			strlcpy(to, items->data + n + 1, room);
}

void
http_connection(const HttpTransfer *transfer, HttpConnection *connection)
{
	static const CURLINFO times[] = {
		CURLINFO_NAMELOOKUP_TIME_T, CURLINFO_CONNECT_TIME_T,
		CURLINFO_APPCONNECT_TIME_T, CURLINFO_STARTTRANSFER_TIME_T
	};
	curl_off_t	ends[lengthof(times)] = {0};
	curl_off_t	before = 0;
	struct curl_certinfo *certificates = NULL;
	const char *address = NULL;
	long		port = 0;
	int			i;

	memset(connection, 0, sizeof(HttpConnection));
	for (i = 0; i < (int) lengthof(times); i++)
	{
		curl_easy_getinfo(transfer->easy, times[i], &ends[i]);
		if (ends[i] == 0)
			continue;
		connection->took[i] = (double) (ends[i] - before) / 1000;
		before = ends[i];
	}
	connection->phase = phase_of(transfer, ends, strncmp(transfer->origin, "https:", 6) == 0);
	if (curl_easy_getinfo(transfer->easy, CURLINFO_PRIMARY_IP, &address) == CURLE_OK && address)
		strlcpy(connection->address, address, sizeof(connection->address));
	curl_easy_getinfo(transfer->easy, CURLINFO_PRIMARY_PORT, &port);
	connection->port = (int) port;
	strlcpy(connection->tls, transfer->tls, sizeof(connection->tls));

	/* the first is the server's own */
	if (curl_easy_getinfo(transfer->easy, CURLINFO_CERTINFO, &certificates) != CURLE_OK ||
		certificates == NULL || certificates->num_of_certs < 1)
		return;
	take_certificate_item(connection->issuer, sizeof(connection->issuer),
						  certificates->certinfo[0], "Issuer");
	take_certificate_item(connection->expires, sizeof(connection->expires),
						  certificates->certinfo[0], "Expire date");
}
