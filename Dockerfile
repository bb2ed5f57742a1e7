# docker build --tag registry.example/kubervisor:0.1.0 .
#
# Both images are arguments, so that you can pin them to digests you have checked, or take them from your own registry:
#   --build-arg BUILD_IMAGE=node:24-bookworm-slim@sha256:... --build-arg RUNTIME_IMAGE=...@sha256:...
# RUNTIME_IMAGE needs Node 24 as /nodejs/bin/node, and nothing else: no shell, no package manager.
ARG BUILD_IMAGE=node:24-bookworm-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs24-debian12:nonroot

# What runs: as locked, without what is for development or for one platform only, and no install script of anybody.
# Not `npm ci`, which refuses a lockfile that lacks the optional packages of some platform.
FROM ${BUILD_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm install --no-save --ignore-scripts --omit=dev --omit=optional --no-audit --no-fund

# Envoy's .proto files, collected out of a dependency that is for development.
FROM ${BUILD_IMAGE} AS protos
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm install --no-save --ignore-scripts --include=dev --include=optional --no-audit --no-fund
COPY scripts scripts
COPY demo demo
COPY engine engine
COPY proto proto
RUN node scripts/prepare.ts

FROM ${RUNTIME_IMAGE}
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=protos /app/proto/gen proto/gen
COPY package.json LICENSE ./
COPY proto/files.ts proto/load.ts proto/
COPY proto/kubervisor proto/kubervisor
COPY engine engine
COPY xds xds
COPY cli cli
# The command `demo` is not of use here, but it is among those that the help and the completion name.
COPY demo demo
# By number: a kubelet that is to see that it is not root knows no names.
USER 65532:65532
ENTRYPOINT ["/nodejs/bin/node", "/app/cli/main.ts"]
CMD ["--help"]
