# Debian packages the project needs, and the target that installs the missing ones.
# DEPS_BUILD builds and runs it; DEPS_TEST adds the servers and tools that `make test` starts.

DEPS_BUILD := git gcc make pkg-config libevent-dev librdkafka-dev unixodbc-dev libcjson-dev libcyaml-dev libyaml-dev \
              libssl-dev libcurl4-openssl-dev zlib1g-dev node-llhttp odbc-postgresql libsqliteodbc
DEPS_RUN   := curl sqlite3
DEPS_TEST  := $(DEPS_RUN) libcmocka-dev postgresql-15 default-jre-headless maven kcat iproute2 \
              clang-format-14 libhttp-parser-dev python3 python3-venv python3-avro python3-jsonschema python3-yaml tzdata openssl \
              golang-go tdsodbc nginx-light haproxy chromium chromium-driver python3-selenium
DEPS_FUZZ  := $(DEPS_TEST) clang-14 libclang-rt-14-dev
DEPS_STACK := $(DEPS_RUN) postgresql-15 default-jre-headless maven kcat iproute2 openssl

.PHONY: deps deps-build deps-run deps-test deps-stack deps-fuzz
deps: deps-test ## install every missing Debian package
deps-build:
	@sh deploy/local/install-deps.sh $(DEPS_BUILD)
deps-run:
	@sh deploy/local/install-deps.sh $(DEPS_BUILD) $(DEPS_RUN)
deps-test:
	@sh deploy/local/install-deps.sh $(DEPS_BUILD) $(DEPS_TEST)
deps-fuzz:
	@sh deploy/local/install-deps.sh $(DEPS_BUILD) $(DEPS_FUZZ)
deps-stack:
	@sh deploy/local/install-deps.sh $(DEPS_BUILD) $(DEPS_STACK)
