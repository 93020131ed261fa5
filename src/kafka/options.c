/*-------------------------------------------------------------------------
 *
 * options.c
 *	  What the options of kafka_json mean together, who may set them, and how
 *	  somebody signs in with them.
 *
 * librdkafka would take many a combination in silence: TLS files without TLS,
 * a user without SASL, GSSAPI for want of a mechanism.  Here they are errors,
 * when they are set.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/credentials.h"
#include "aws/msk_iam.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "kafka/options.h"
#include "kafka/properties.h"
#include "miscadmin.h"
#include "net/url.h"
#include "option.h"
#include "source/source.h"
#include "pg_compat.h"
#include "utils/acl.h"

/* In the order of the values of option security.protocol. */
typedef enum Protocol
{
	PROTOCOL_PLAINTEXT,
	PROTOCOL_TLS,
	PROTOCOL_SASL,
	PROTOCOL_SASL_TLS
} Protocol;

static const char *const file_options[] = {
	"ssl.ca.location", "ssl.crl.location", "ssl.certificate.location", "ssl.key.location",
	"ssl.keystore.location", "ca_file"
};

/* What has no meaning but with AWS_MSK_IAM, OAUTHBEARER; else signs in nobody. */
static const char *const aws_options[] = {
	"region", "credential_source", "profile", "role_arn", "external_id", "role_session_name",
	"sts_endpoint"
};
static const char *const token_options[] = {
	"sasl.oauthbearer.method", "sasl.oauthbearer.token.endpoint.url",
	"sasl.oauthbearer.scope", "sasl.oauthbearer.extensions"
};

/* ---------- meaning ---------- */

KafkaMechanism
kafka_mechanism(List *server_options)
{
	if (!option_given(server_options, "sasl.mechanism"))
		return KAFKA_NO_MECHANISM;
	return option_enum(server_options, "sasl.mechanism");
}

static Protocol
protocol_of(List *server_options)
{
	if (option_given(server_options, "security.protocol"))
		return option_enum(server_options, "security.protocol");
	return kafka_mechanism(server_options) == KAFKA_MSK_IAM ? PROTOCOL_SASL_TLS : PROTOCOL_PLAINTEXT;
}

bool
kafka_uses_sasl(List *server_options)
{
	Protocol	protocol = protocol_of(server_options);

	return protocol == PROTOCOL_SASL || protocol == PROTOCOL_SASL_TLS;
}

bool
kafka_uses_tls(List *server_options)
{
	Protocol	protocol = protocol_of(server_options);

	return protocol == PROTOCOL_TLS || protocol == PROTOCOL_SASL_TLS;
}

/* The region that the names of brokers tell; NULL if none does, or they differ. */
static const char *
region_of_brokers(List *server_options)
{
	char	   *list = pstrdup(option_text(server_options, "bootstrap.servers"));
	char	   *rest = NULL;
	const char *region = NULL;

	for (char *broker = strtok_r(list, ", ", &rest); broker != NULL;
		 broker = strtok_r(NULL, ", ", &rest))
	{
		const char *other = msk_iam_region(broker);

		if (other == NULL || (region != NULL && strcmp(region, other) != 0))
			return NULL;
		region = other;
	}
	return region;
}

const char *
kafka_region(List *server_options)
{
	const char *region = option_given(server_options, "region") ?
		option_text(server_options, "region") : region_of_brokers(server_options);

	if (region == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("option \"%s\" needs option \"%s\"", "sasl.mechanism", "region"),
				 errdetail("The names of the brokers do not tell the AWS region.")));
	return region;
}

/* RFC 7628, 3.1: names are letters, and "auth" is the token's own. */
const char **
kafka_token_extensions(List *server_options, int *n)
{
	const char *value = option_text(server_options, "sasl.oauthbearer.extensions");
	char	   *list = pstrdup(value == NULL ? "" : value);
	const char **pairs = palloc(sizeof(char *) * (strlen(list) + 2));
	char	   *rest = NULL;

	*n = 0;
	for (char *name = strtok_r(list, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest))
	{
		char	   *equals = strchr(name, '=');

		if (equals == NULL || equals == name ||
			strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != equals - name ||
			strncmp(name, "auth=", 5) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
					 errmsg("invalid value for option \"%s\": \"%s\"",
							"sasl.oauthbearer.extensions", value),
					 errhint("It looks like \"name=value,other=value\"; names are letters, and not \"auth\".")));
		*equals = '\0';
		pairs[(*n)++] = name;
		pairs[(*n)++] = equals + 1;
	}
	return pairs;
}

/* ---------- server ---------- */

/* host or host:port, also [address]:port, with commas. */
static void
validate_brokers(List *options)
{
	const char *value = option_text(options, "bootstrap.servers");

	for (const char *at = value; at != NULL; at = strchr(at, ','), at += at != NULL)
	{
		int			host;
		int			digits;
		long		port = 9092;

		at += strspn(at, " ");
		host = *at == '[' ? strspn(at, "[0123456789abcdefABCDEF:.%]") :
			strcspn(at, ":, /@?#");
		if (host > 0 && at[host] == ':')
		{
			digits = strspn(at + host + 1, "0123456789");
			port = digits > 0 && digits < 6 ? atol(at + host + 1) : 0;
			host += digits + 1;
		}
		host += strspn(at + host, " ");
		if (host == 0 || (at[host] != '\0' && at[host] != ',') || port < 1 || port > 65535)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
					 errmsg("invalid value for option \"%s\"", "bootstrap.servers"),
					 errhint("It looks like \"host:9092,other-host:9092\".")));
	}
}

pg_noreturn static void
needs_option(const char *name, const char *other, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
			 errmsg("option \"%s\" needs option \"%s\"", name, other),
			 hint != NULL ? errhint("%s", hint) : 0));
	pg_unreachable();
}

static void
check_needs(List *options, const char *name, const char *other)
{
	if (option_given(options, name) && !option_given(options, other))
		needs_option(name, other, NULL);
}

static void
check_excludes(List *options, const char *name, const char *other)
{
	if (option_given(options, name) && option_given(options, other))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("options \"%s\" and \"%s\" cannot be used together", name, other)));
}

/* What tokens are asked for with; plain http only on this machine. */
static void
validate_tokens(List *options)
{
	const char *url;
	Endpoint   *endpoint;
	int			n;

	if (!option_given(options, "sasl.oauthbearer.method"))
		needs_option("sasl.mechanism", "sasl.oauthbearer.method",
					 "Set \"sasl.oauthbearer.method\" to \"oidc\".");
	check_needs(options, "sasl.oauthbearer.method", "sasl.oauthbearer.token.endpoint.url");
	url = option_text(options, "sasl.oauthbearer.token.endpoint.url");
	endpoint = url_parse(url, &url);
	if (!endpoint->tls && strcmp(endpoint->host, "localhost") != 0 &&
		strcmp(endpoint->host, "127.0.0.1") != 0 && strcmp(endpoint->host, "[::1]") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"%s\"", "sasl.oauthbearer.token.endpoint.url"),
				 errhint("It begins with \"https://\"; secrets would not be safe otherwise.")));
	(void) kafka_token_extensions(options, &n);
}

static void
validate_sasl(List *options)
{
	KafkaMechanism mechanism = kafka_mechanism(options);

	if (kafka_uses_sasl(options) && mechanism == KAFKA_NO_MECHANISM)
		needs_option("security.protocol", "sasl.mechanism",
					 "Set \"sasl.mechanism\" to what the brokers ask for, such as \"PLAIN\" or \"SCRAM-SHA-512\".");
	if (mechanism == KAFKA_MSK_IAM && protocol_of(options) != PROTOCOL_SASL_TLS)
		needs_option("sasl.mechanism", "security.protocol",
					 "MSK takes AWS keys over TLS only: leave \"security.protocol\" out, or set it to \"sasl_ssl\".");
	if (mechanism != KAFKA_NO_MECHANISM && !kafka_uses_sasl(options))
		needs_option("sasl.mechanism", "security.protocol",
					 "Set \"security.protocol\" to \"sasl_ssl\", or to \"sasl_plaintext\" without TLS.");
	if (mechanism == KAFKA_MSK_IAM)
	{
		(void) kafka_region(options);
		credentials_validate(options);
	}
	for (int i = 0; mechanism != KAFKA_MSK_IAM && i < lengthof(aws_options); i++)
		if (option_given(options, aws_options[i]))
			needs_option(aws_options[i], "sasl.mechanism",
						 "Set \"sasl.mechanism\" to \"AWS_MSK_IAM\".");
	for (int i = 0; mechanism != KAFKA_OAUTHBEARER && i < lengthof(token_options); i++)
		if (option_given(options, token_options[i]))
			needs_option(token_options[i], "sasl.mechanism",
						 "Set \"sasl.mechanism\" to \"OAUTHBEARER\".");
	if (mechanism == KAFKA_OAUTHBEARER)
		validate_tokens(options);
}

static void
validate_tls(List *options)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		const char *name = lfirst_node(DefElem, lc)->defname;

		if (strncmp(name, "ssl.", 4) == 0 && !kafka_uses_tls(options))
			needs_option(name, "security.protocol",
						 "Set \"security.protocol\" to \"ssl\" or \"sasl_ssl\".");
	}
	check_excludes(options, "ssl.ca.location", "ssl.ca.pem");
	check_excludes(options, "ssl.keystore.location", "ssl.certificate.location");
	check_needs(options, "ssl.certificate.location", "ssl.key.location");
	check_needs(options, "ssl.key.location", "ssl.certificate.location");
}

/* What librdkafka would find out only when a message is to be sent. */
static void
validate_writing(List *options)
{
	if (option_enum(options, "acks") == 2 && option_boolean(options, "enable.idempotence"))
		needs_option("acks", "enable.idempotence",
					 "Set \"enable.idempotence\" to \"false\", or \"acks\" to \"all\".");
}

static void
validate_server(List *options)
{
	validate_brokers(options);
	for (int i = 0; i < lengthof(file_options); i++)
		option_validate_file(options, file_options[i]);
	validate_sasl(options);
	validate_tls(options);
	validate_writing(options);
	check_needs(options, "ca_file", "rest_proxy");
}

/* ---------- user mapping ---------- */

static void
validate_mapping(List *options)
{
	check_needs(options, "sasl.username", "sasl.password");
	check_needs(options, "sasl.password", "sasl.username");
	check_needs(options, "ssl.certificate.pem", "ssl.key.pem");
	check_needs(options, "ssl.key.pem", "ssl.certificate.pem");
	check_needs(options, "sasl.oauthbearer.client.id", "sasl.oauthbearer.client.secret");
	check_needs(options, "sasl.oauthbearer.client.secret", "sasl.oauthbearer.client.id");
	check_needs(options, "rest_proxy_user", "rest_proxy_password");
	check_needs(options, "rest_proxy_password", "rest_proxy_user");
	credentials_validate_mapping(options);
}

void
kafka_options_validate(Oid catalog, List *options)
{
	kafka_properties_check(options);
	if (catalog == ForeignServerRelationId)
		validate_server(options);
	else if (catalog == UserMappingRelationId)
		validate_mapping(options);
}

/* ---------- use ---------- */

/*
 * Files are lent as credentials of the machine are: by a server's owner who may
 * read them, or to a user who may.
 */
static void
check_files(const ForeignServer *server, Oid userid, List *server_options)
{
	bool		allowed = has_privs_of_role(server->owner, ROLE_PG_READ_SERVER_FILES) ||
		(has_privs_of_role(userid, ROLE_PG_READ_SERVER_FILES) &&
		 OidIsValid(GetForeignDataWrapper(server->fdwid)->fdwvalidator));

	for (int i = 0; !allowed && i < lengthof(file_options); i++)
		if (option_given(server_options, file_options[i]))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied to use option \"%s\" of server \"%s\"",
							file_options[i], server->servername),
					 errdetail("It names a file of the server's machine."),
					 errhint("The foreign server must be owned, or be used, by a role with the privileges of the role \"%s\".",
							 "pg_read_server_files")));
}

/* What the user mapping must have for a mechanism; NULL for nothing. */
static const char *
needed_by(KafkaMechanism mechanism)
{
	switch (mechanism)
	{
		case KAFKA_PLAIN:
		case KAFKA_SCRAM_SHA_256:
		case KAFKA_SCRAM_SHA_512:
			return "sasl.username";
		case KAFKA_OAUTHBEARER:
			return "sasl.oauthbearer.client.id";
		case KAFKA_MSK_IAM:		/* depends on where the keys come from */
		case KAFKA_NO_MECHANISM:
			break;
	}
	return NULL;
}

/* Nobody shall believe to be signed in who is not. */
static void
check_use(const ForeignServer *server, Oid userid, List *options, const char *name,
		  bool used, const char *other)
{
	if (option_given(options, name) && !used)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("option \"%s\" of the user mapping for user \"%s\" and server \"%s\" is not used",
						name, MappingUserName(userid), server->servername),
				 errhint("Check option \"%s\" of the server.", other)));
}

List *
kafka_mapping_options(Oid serverid, Oid userid, List *server_options)
{
	ForeignServer *server = GetForeignServer(serverid);
	const char *needed = needed_by(kafka_mechanism(server_options));
	List	   *options = option_mapping(serverid, userid);

	check_files(server, userid, server_options);
	option_validate(kafka_source_ops.wrapper, UserMappingRelationId, options);
	validate_mapping(options);
	if (kafka_mechanism(server_options) == KAFKA_MSK_IAM)
		(void) credentials_config(kafka_source_ops.wrapper, serverid, userid, server_options,
								  kafka_region(server_options));
	if (needed != NULL && !option_given(options, needed))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("user mapping for user \"%s\" and server \"%s\" has no option \"%s\"",
						MappingUserName(userid), server->servername, needed),
				 errdetail("The server's \"sasl.mechanism\" is \"%s\".",
						   option_text(server_options, "sasl.mechanism")),
				 errhint("Set it with CREATE USER MAPPING or ALTER USER MAPPING.")));
	check_use(server, userid, options, "sasl.username",
			  needed != NULL && strcmp(needed, "sasl.username") == 0, "sasl.mechanism");
	check_use(server, userid, options, "ssl.certificate.pem", kafka_uses_tls(server_options),
			  "security.protocol");
	if (option_given(options, "ssl.certificate.pem") &&
		(option_given(server_options, "ssl.certificate.location") ||
		 option_given(server_options, "ssl.keystore.location")))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("both server \"%s\" and its user mapping for user \"%s\" have a certificate to sign in with",
						server->servername, MappingUserName(userid)),
				 errhint("Drop \"ssl.certificate.pem\" and \"ssl.key.pem\" of the user mapping, or the server's files.")));
	return options;
}
