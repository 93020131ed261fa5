/*-------------------------------------------------------------------------
 *
 * option.c
 *	  The options of the foreign data wrappers: names, values, hints, getters.
 *
 * What a single value must look like is said here; what options mean together,
 * or to a source, is for the source to check.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "common/int.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "option.h"
#include "pg_compat.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

/* A name this many changes away from a valid one is taken for a slip. */
#define SLIP_DISTANCE 4

static bool
option_applies(const Option *option, const char *wrapper)
{
	/* no wrapper's name is a part of another's */
	return option->wrappers == NULL || strstr(option->wrappers, wrapper) != NULL;
}

static const char *
catalog_name(Oid catalog)
{
	switch (catalog)
	{
		case ForeignServerRelationId:
			return "server";
		case UserMappingRelationId:
			return "user mapping";
		case ForeignTableRelationId:
			return "foreign table";
		case AttributeRelationId:
			return "column";
		case NamespaceRelationId:
			return "foreign schema";
		default:
			return "foreign-data wrapper";
	}
}

/* The row of an option, or NULL. */
static const Option *
find_option(const char *wrapper, Oid catalog, const char *name)
{
	for (int i = 0; i < option_count; i++)
	{
		const Option *option = &option_table[i];

		if (option->catalog == catalog && option_applies(option, wrapper) &&
			strcmp(option->name, name) == 0)
			return option;
	}
	return NULL;
}

bool
option_is_known(const char *wrapper, Oid catalog, const char *name)
{
	return find_option(wrapper, catalog, name) != NULL;
}

/* A sentence that helps whoever wrote an unknown name. */
static char *
unknown_option_hint(const char *wrapper, Oid catalog, const char *name)
{
	const Option *nearest = NULL;
	int			nearest_distance = SLIP_DISTANCE + 1;
	StringInfoData valid;

	initStringInfo(&valid);
	for (int i = 0; i < option_count; i++)
	{
		const Option *option = &option_table[i];
		int			distance;

		if (!option_applies(option, wrapper))
			continue;
		if (strcmp(option->name, name) == 0)
			return psprintf("Option \"%s\" belongs to the %s, not to the %s.", name,
							catalog_name(option->catalog), catalog_name(catalog));
		if (option->catalog != catalog)
			continue;
		appendStringInfo(&valid, "%s%s", valid.len > 0 ? ", " : "", option->name);
		if (strlen(name) > 63)	/* varstr_levenshtein has a limit */
			continue;
		distance = varstr_levenshtein_less_equal(name, strlen(name), option->name,
												 strlen(option->name), 1, 1, 1,
												 SLIP_DISTANCE, true);
		if (distance < nearest_distance && distance <= (int) strlen(name) / 2)
		{
			nearest = option;
			nearest_distance = distance;
		}
	}
	if (nearest != NULL)
		return psprintf("Perhaps you meant the option \"%s\".", nearest->name);
	if (valid.len == 0)
		return psprintf("There are no valid options for a %s.", catalog_name(catalog));
	return psprintf("Valid options for a %s are: %s.", catalog_name(catalog), valid.data);
}

static void
invalid_value(const Option *option, const char *value, char *hint)
{
	if (option->secret)
		value = "(secret)";
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("invalid value for option \"%s\": \"%s\"", option->name, value),
			 errhint("%s", hint)));
}

/* Position of a value among an enum's; -1 if it is none of them. */
static int
enum_position(const Option *option, const char *value)
{
	int			(*compare) (const char *, const char *) =
		option->type == OPTION_WORD ? pg_strcasecmp : strcmp;

	for (int i = 0; option->values[i] != NULL; i++)
		if (compare(option->values[i], value) == 0)
			return i;
	return -1;
}

static char *
list_of_values(const Option *option)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; option->values[i] != NULL; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", option->values[i]);
	return list.data;
}

/* Digits only, above zero, within int64; 0 otherwise. */
static int64
parse_integer(const char *value)
{
	int64		result = 0;

	for (; *value != '\0'; value++)
	{
		if (*value < '0' || *value > '9' ||
			pg_mul_s64_overflow(result, 10, &result) ||
			pg_add_s64_overflow(result, *value - '0', &result))
			return 0;
	}
	return result;
}

/* Digits, perhaps with a sign, and nothing else. */
static bool
is_number(const char *value)
{
	const char *digits = *value == '-' ? value + 1 : value;
	int			ignored;

	return *digits >= '0' && *digits <= '9' && strlen(digits) == strspn(digits, "0123456789") &&
		parse_int(value, &ignored, 0, NULL);
}

static void
validate_value(const Option *option, const char *value)
{
	bool		ignored;

	switch (option->type)
	{
		case OPTION_TEXT:
			if (*value == '\0' && option->catalog != AttributeRelationId)
				invalid_value(option, value, "The value must not be empty.");
			break;
		case OPTION_BOOLEAN:
			if (!parse_bool(value, &ignored))
				invalid_value(option, value, "Valid values are: true, false.");
			break;
		case OPTION_INTEGER:
			if (parse_integer(value) == 0)
				invalid_value(option, value,
							  psprintf("The value must be a whole number from 1 to %lld.",
									   (long long) PG_INT64_MAX));
			break;
		case OPTION_NUMBER:
			if (!is_number(value))
				invalid_value(option, value, "The value must be a whole number.");
			break;
		case OPTION_ENUM:
		case OPTION_WORD:
			if (enum_position(option, value) < 0)
				invalid_value(option, value, psprintf("Valid values are: %s.",
													  list_of_values(option)));
			break;
	}
}

static const OptionRefusal *
find_refusal(const char *wrapper, const char *name)
{
	for (int i = 0; i < option_refusal_count; i++)
	{
		const OptionRefusal *refusal = &option_refusals[i];
		int			len = strlen(refusal->name);
		bool		matches = refusal->name[len - 1] == '*' ?
			strncmp(name, refusal->name, len - 1) == 0 : strcmp(name, refusal->name) == 0;

		if (matches && strcmp(refusal->wrapper, wrapper) == 0)
			return refusal;
	}
	return NULL;
}

pg_noreturn static void
refuse_name(const char *wrapper, Oid catalog, const char *name)
{
	const OptionRefusal *refusal = find_refusal(wrapper, name);
	const char *hint = refusal != NULL ? refusal->hint :
		unknown_option_hint(wrapper, catalog, name);

	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("invalid option \"%s\"", name),
			 refusal != NULL ? errdetail("%s", refusal->reason) : 0,
			 hint != NULL ? errhint("%s", hint) : 0));
	pg_unreachable();
}

void
option_validate(const char *wrapper, Oid catalog, List *options)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);
		const Option *option = find_option(wrapper, catalog, def->defname);

		if (option == NULL)
			refuse_name(wrapper, catalog, def->defname);
		validate_value(option, defGetString(def));
	}

	for (int i = 0; i < option_count; i++)
	{
		const Option *option = &option_table[i];

		if (option->required && option->catalog == catalog &&
			option_applies(option, wrapper) && !option_given(options, option->name))
			ereport(ERROR,
					(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
					 errmsg("option \"%s\" is required for a %s", option->name,
							catalog_name(catalog)),
					 errhint("Its value is: %s.", option->help)));
	}
}

void
option_validate_file(List *options, const char *name)
{
	const char *path = option_given(options, name) ? option_text(options, name) : NULL;

	if (path == NULL)
		return;
	if (!is_absolute_path(path))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"%s\": \"%s\"", name, path),
				 errhint("The value must be an absolute path.")));
	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to set option \"%s\"", name),
				 errdetail("Only roles with the privileges of the role \"%s\" may read files of the server.",
						   "pg_read_server_files")));
}

/* The row of an option whose catalog does not matter: those of one name agree. */
static const Option *
option_named(const char *name)
{
	for (int i = 0; i < option_count; i++)
		if (strcmp(option_table[i].name, name) == 0)
			return &option_table[i];
	elog(ERROR, "option \"%s\" is not in the table", name);
}

const char *
option_text(List *options, const char *name)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		if (strcmp(def->defname, name) == 0)
			return defGetString(def);
	}
	return option_named(name)->fallback;
}

bool
option_given(List *options, const char *name)
{
	ListCell   *lc;

	foreach(lc, options)
		if (strcmp(lfirst_node(DefElem, lc)->defname, name) == 0)
			return true;
	return false;
}

List *
option_mapping(Oid serverid, Oid userid)
{
	if (SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(userid),
							  ObjectIdGetDatum(serverid)) ||
		SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid),
							  ObjectIdGetDatum(serverid)))
		return GetUserMapping(userid, serverid)->options;
	return NIL;
}

bool
option_boolean(List *options, const char *name)
{
	const char *value = option_text(options, name);
	bool		result;

	return value != NULL && parse_bool(value, &result) && result;
}

int64
option_integer(List *options, const char *name, int64 unset)
{
	const char *value = option_text(options, name);

	return value == NULL ? unset : parse_integer(value);
}

int
option_enum(List *options, const char *name)
{
	return enum_position(option_named(name), option_text(options, name));
}

static const char *
type_name(const Option *option)
{
	switch (option->type)
	{
		case OPTION_BOOLEAN:
			return "boolean";
		case OPTION_INTEGER:
		case OPTION_NUMBER:
			return "integer";
		case OPTION_ENUM:
		case OPTION_WORD:
			return list_of_values(option);
		default:
			return "text";
	}
}

PG_FUNCTION_INFO_V1(pinterest_options);

/* pinterest.options(): the table as rows. */
Datum
pinterest_options(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	const Option *option;
	Datum		values[8];
	bool		nulls[8] = {false};
	TupleDesc	desc;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;

		context = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		context->tuple_desc = BlessTupleDesc(desc);
		MemoryContextSwitchTo(old);
	}
	context = SRF_PERCALL_SETUP();
	if (context->call_cntr >= option_count)
		SRF_RETURN_DONE(context);

	option = &option_table[context->call_cntr];
	nulls[0] = option->wrappers == NULL;
	if (!nulls[0])
		values[0] = CStringGetTextDatum(option->wrappers);
	values[1] = CStringGetTextDatum(catalog_name(option->catalog));
	values[2] = CStringGetTextDatum(option->name);
	values[3] = CStringGetTextDatum(type_name(option));
	values[4] = BoolGetDatum(option->required);
	nulls[5] = option->fallback == NULL;
	if (!nulls[5])
		values[5] = CStringGetTextDatum(option->fallback);
	values[6] = BoolGetDatum(option->secret);
	values[7] = CStringGetTextDatum(option->help);
	SRF_RETURN_NEXT(context, HeapTupleGetDatum(heap_form_tuple(context->tuple_desc,
															   values, nulls)));
}
