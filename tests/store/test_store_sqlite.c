/* The contract on SQLite. */
#include "store_contract.h"
#include "temp_dir.h"

static const char *fresh_url(void)
{
    static char url[200];
    static int n;
    snprintf(url, sizeof url, "sqlite:%s/contract-%d.db", temp_dir(), n++);
    return url;
}

int main(void)
{
    return store_contract_run(&(struct contract_driver){"sqlite", fresh_url});
}
