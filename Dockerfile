# The pages and player.js.
FROM node:20-bookworm-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN PUPPETEER_SKIP_DOWNLOAD=1 npm ci
COPY web ./
RUN npm run build

# One static binary with the pages in it.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=web /src/web/dist web/dist
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/bongsu ./cmd/bongsu \
 && mkdir -p /out/data /out/config

# Nothing but the binary, certificate authorities and a user that is not root.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/bongsu /usr/local/bin/bongsu
COPY --from=build --chown=nonroot:nonroot /out/data /data
COPY --from=build /out/config /config
ENV BONGSU_DATA=/data
VOLUME /data
# A file mounted as /config/bongsu.yaml is read.
WORKDIR /config
EXPOSE 8080/tcp 8443/udp 8443/tcp
ENTRYPOINT ["/usr/local/bin/bongsu"]
CMD ["serve"]
