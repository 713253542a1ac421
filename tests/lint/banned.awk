# Functions that have a safer form here. `product` rules do not hold for tests.
function complain(what) { print FILENAME ":" FNR ": " what }
function calls(name) { return text ~ ("(^|[^A-Za-z0-9_.>])" name "[ ]?\\(") }
BEGIN {
    n = split("strcpy strcat strncpy strncat sprintf vsprintf stpcpy gets", a, " ")
    for (i = 1; i <= n; i++) why[a[i]] = "use px_buf, or snprintf into a sized array"
    n = split("atoi atol atoll atof", a, " ")
    for (i = 1; i <= n; i++) why[a[i]] = "use <px/num.h>: the whole string or an error"
    why["strtok"] = "cut views with px_str_find"
    n = split("gmtime localtime ctime asctime", a, " ")
    for (i = 1; i <= n; i++) why[a[i]] = "use px_civil_of or px_zone_day"
    n = split("rand srand random drand48", a, " ")
    for (i = 1; i <= n; i++) why[a[i]] = "use px_random, or a seed that is passed in"
    n = split("system popen", a, " ")
    for (i = 1; i <= n; i++) why[a[i]] = "no shell in between: fork and exec, or do it here"
    n = split("alloca strdupa", a, " ")
    for (i = 1; i <= n; i++) why[a[i]] = "use an arena or a sized array"
    n = split("malloc calloc realloc free strdup strndup asprintf vasprintf reallocarray", a, " ")
    for (i = 1; i <= n; i++) memory[a[i]] = 1
}
{
    text = code($0)
    for (f in why) if (index(text, f) && calls(f)) complain(f "() is not used here; " why[f])
    if (FILENAME ~ /^tests\// || FILENAME == "libcore/src/base/mem.c") next
    for (f in memory) if (index(text, f) && calls(f)) complain(f "() is for mem.c only; memory comes from <px/mem.h>, so that torture tests reach it")
    if (text ~ /PX_DEFER\(free\)/) complain("free() is for mem.c only; memory comes from <px/mem.h>")
}
