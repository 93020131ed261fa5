/*-------------------------------------------------------------------------
 *
 * variant.h
 *	  All of src/json that knows no Datums, as one piece under other names.
 *
 * To be included once by a file that defines VARIANT, so that the build with
 * vector instructions and the portable one fit into one program.
 *
 *-------------------------------------------------------------------------
 */
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define VARIANT_OF(name) PASTE(VARIANT, name)

#define json_path_tokens VARIANT_OF(json_path_tokens)
#define json_path_tree VARIANT_OF(json_path_tree)
#define json_path_child VARIANT_OF(json_path_child)
#define json_path_element VARIANT_OF(json_path_element)
#define json_scan_object VARIANT_OF(json_scan_object)
#define json_scan_string VARIANT_OF(json_scan_string)
#define json_scan_over VARIANT_OF(json_scan_over)
#define json_scan_space VARIANT_OF(json_scan_space)
#define json_skip_space_slow VARIANT_OF(json_skip_space_slow)
#define json_skip_string VARIANT_OF(json_skip_string)
#define json_take_string VARIANT_OF(json_take_string)
#define json_scan_scalar VARIANT_OF(json_scan_scalar)
#define json_error_detail VARIANT_OF(json_error_detail)
#define json_scan_record VARIANT_OF(json_scan_record)
#define json_document_create VARIANT_OF(json_document_create)
#define json_document_read VARIANT_OF(json_document_read)
#define json_document_pass VARIANT_OF(json_document_pass)
#define json_frame_create VARIANT_OF(json_frame_create)
#define json_frame_begin VARIANT_OF(json_frame_begin)
#define json_frame_next VARIANT_OF(json_frame_next)

/* So small that every input runs through many refills */
#define INITIAL_CAPACITY VARIANT_CAPACITY
#define KEPT_CAPACITY (4 * VARIANT_CAPACITY)

#include "json/path.c"
#include "json/error.c"
#include "json/token.c"
#include "json/scan.c"
#include "json/document.c"
#include "json/frame.c"
