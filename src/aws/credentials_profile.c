/*-------------------------------------------------------------------------
 *
 * credentials_profile.c
 *	  Keys of a profile in the files that the AWS tools share.
 *
 * The files are those of the operating system user the server runs as.  A
 * profile holds keys, or names a role and whose keys to assume it with.  Names
 * that mean nothing here are left alone: the files belong to other programs as
 * well.  What would give keys in a way not supported is refused, lest weaker
 * ones further down be used in their place.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <pwd.h>
#include <unistd.h>

#include "aws/credentials_find.h"
#include "aws/ini.h"

#define MAX_DEPTH 5				/* profiles that refer to one another */

typedef struct Profiles
{
	List	   *credentials;
	List	   *config;
	const CredentialConfig *request;
} Profiles;

/* A profile with the names its sections have in the two files. */
typedef struct Profile
{
	const Profiles *files;
	const char *name;
	const char *config_section;
} Profile;

/* ---------- files ---------- */

static const char *
home_folder(void)
{
	const char *home = credentials_variable("HOME");
	struct passwd *user = home == NULL ? getpwuid(geteuid()) : NULL;

	return user != NULL ? pstrdup(user->pw_dir) : home;
}

static char *
file_path(const char *variable, const char *name)
{
	const char *path = credentials_variable(variable);
	const char *home = home_folder();

	if (path != NULL && strncmp(path, "~/", 2) == 0 && home != NULL)
		return psprintf("%s%s", home, path + 1);
	if (path != NULL)
		return pstrdup(path);
	return home == NULL ? NULL : psprintf("%s/.aws/%s", home, name);
}

/* ABSENT if there is no such file: an empty one is as good. */
static CredentialOutcome
read_file(const char *path, List **entries, CredentialFinding *found)
{
	char	   *text = path == NULL ? NULL : credentials_file(path);

	*entries = NIL;
	if (text != NULL)
	{
		*entries = ini_parse(text);
		return CREDENTIALS_FOUND;
	}
	if (path == NULL || errno == ENOENT || errno == ENOTDIR)
		return CREDENTIALS_ABSENT;
	return credentials_failed(found, "could not read \"%s\": %m", path);
}

/* ---------- profiles ---------- */

static Profile
profile_named(const Profiles *files, const char *name)
{
	Profile		profile = {files, name, psprintf("profile %s", name)};

	if (strcmp(name, "default") == 0 &&
		!ini_has_section(files->config, profile.config_section))
		profile.config_section = name;
	return profile;
}

static const char *
value_of(const Profile *profile, const char *name)
{
	const char *value = ini_value(profile->files->credentials, profile->name, name);

	if (value == NULL)
		value = ini_value(profile->files->config, profile->config_section, name);
	return value == NULL || value[0] == '\0' ? NULL : value;
}

static bool
exists(const Profile *profile)
{
	return ini_has_section(profile->files->credentials, profile->name) ||
		ini_has_section(profile->files->config, profile->config_section);
}

static CredentialOutcome
own_keys(const Profile *profile, CredentialFinding *found)
{
	memset(found, 0, sizeof(CredentialFinding));
	if (value_of(profile, "aws_access_key_id") == NULL &&
		value_of(profile, "aws_secret_access_key") == NULL)
	{
		if (value_of(profile, "credential_process") != NULL)
		{
			found->hint = "Let that program write a profile with keys, for example from cron.";
			return credentials_failed(found, "profile \"%s\" has a credential_process: the database server runs no programs for credentials",
									  profile->name);
		}
		if (value_of(profile, "sso_session") != NULL || value_of(profile, "sso_start_url") != NULL)
			return credentials_failed(found, "profile \"%s\" signs in through SSO, which needs a person at a browser",
									  profile->name);
		return credentials_failed(found, "profile \"%s\" has no keys", profile->name);
	}
	found->keys.access_key_id = value_of(profile, "aws_access_key_id");
	found->keys.secret_access_key = value_of(profile, "aws_secret_access_key");
	found->keys.session_token = value_of(profile, "aws_session_token");
	return credentials_check(found, NULL, psprintf("profile \"%s\"", profile->name));
}

static CredentialOutcome resolve(const Profile *profile, int depth, CredentialFinding *found);

/* The keys that the role of a profile is assumed with. */
static CredentialOutcome
source_keys(const Profile *profile, int depth, CredentialFinding *found)
{
	const char *source = value_of(profile, "source_profile");
	const char *place = value_of(profile, "credential_source");
	const CredentialConfig *request = profile->files->request;
	Profile		other;

	if (source != NULL && place != NULL)
		return credentials_failed(found, "profile \"%s\" has both source_profile and credential_source",
								  profile->name);
	if (source == NULL && place == NULL)
		return credentials_failed(found, "profile \"%s\" has a role_arn, but neither source_profile nor credential_source",
								  profile->name);
	if (place != NULL && strcmp(place, "Environment") == 0)
		return find_in_environment(request, found);
	if (place != NULL && strcmp(place, "Ec2InstanceMetadata") == 0)
		return find_in_instance(request, found);
	if (place != NULL && strcmp(place, "EcsContainer") == 0)
		return find_in_container(request, found);
	if (place != NULL)
		return credentials_failed(found, "profile \"%s\" has an unknown credential_source \"%s\"",
								  profile->name, place);
	if (strcmp(source, profile->name) == 0)
		return own_keys(profile, found);

	other = profile_named(profile->files, source);
	if (!exists(&other))
		return credentials_failed(found, "profile \"%s\", the source_profile of \"%s\", does not exist",
								  source, profile->name);
	return resolve(&other, depth + 1, found);
}

static CredentialOutcome
resolve(const Profile *profile, int depth, CredentialFinding *found)
{
	const char *token_file = value_of(profile, "web_identity_token_file");
	CredentialOutcome outcome;
	AwsCredentials keys;
	StsRole		role;

	if (depth > MAX_DEPTH)
		return credentials_failed(found, "the source_profile of profiles leads round in a circle");
	role.arn = value_of(profile, "role_arn");
	role.session_name = value_of(profile, "role_session_name");
	role.external_id = value_of(profile, "external_id");
	role.duration = value_of(profile, "duration_seconds");
	if (role.arn == NULL)
		return own_keys(profile, found);
	if (value_of(profile, "mfa_serial") != NULL)
		return credentials_failed(found, "profile \"%s\" has an mfa_serial, and nobody is there to type a code",
								  profile->name);
	if (token_file != NULL)
		return sts_assume_role_with_web_identity(profile->files->request, token_file, &role, found);

	outcome = source_keys(profile, depth, found);
	if (outcome == CREDENTIALS_FAILED)
		return outcome;
	if (outcome == CREDENTIALS_ABSENT)	/* it was asked for by name */
		return CREDENTIALS_FAILED;
	keys = found->keys;
	memset(found, 0, sizeof(CredentialFinding));
	return sts_assume_role(profile->files->request, &keys, &role, found);
}

CredentialOutcome
find_in_profile(const CredentialConfig *config, CredentialFinding *found)
{
	char	   *credentials_path = file_path("AWS_SHARED_CREDENTIALS_FILE", "credentials");
	char	   *config_path = file_path("AWS_CONFIG_FILE", "config");
	const char *name = config->profile;
	Profiles	files = {NIL, NIL, config};
	Profile		profile;

	if (name == NULL)
		name = credentials_variable("AWS_PROFILE");
	if (read_file(credentials_path, &files.credentials, found) == CREDENTIALS_FAILED ||
		read_file(config_path, &files.config, found) == CREDENTIALS_FAILED)
		return CREDENTIALS_FAILED;
	profile = profile_named(&files, name == NULL ? "default" : name);
	if (exists(&profile))
		return resolve(&profile, 0, found);

	found->hint = "The files are those of the operating system user the database server runs as.";
	if (name == NULL)
		return credentials_absent(found, "there is no profile \"default\" in \"%s\" or \"%s\"",
								  credentials_path, config_path);
	return credentials_failed(found, "there is no profile \"%s\" in \"%s\" or \"%s\"", name,
							  credentials_path, config_path);
}
