"""Settings of the registry, all of them from the environment; docs/settings.md lists every
variable.

With nothing set this is the embedded registry of `make run`: SQLite, a broker of files, everything
under DATA_DIR. DATABASE_URL and CELERY_BROKER_URL alone move the same code to PostgreSQL and Redis
or RabbitMQ.
"""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

import dj_database_url

from registry import env, storage_url

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("DATA_DIR", str(BASE_DIR / "var"))).resolve()

# --- Where things are kept -----------------------------------------------------------------------
DATABASE_URL = env.address(
    "DATABASE_URL",
    f"sqlite:///{DATA_DIR / 'registry.sqlite3'}",
    ("sqlite", "postgres", "postgresql"),
)
EMBEDDED = DATABASE_URL.startswith("sqlite")
DATABASES = {
    "default": env.parsed("DATABASE_URL", DATABASE_URL, dj_database_url.parse, "a database address")
}
if EMBEDDED:
    if DATABASES["default"]["NAME"] != ":memory:":
        env.folder("DATA_DIR", DATA_DIR)
        env.folder("DATABASE_URL", Path(DATABASES["default"]["NAME"]).parent)
    DATABASES["default"]["ENGINE"] = "registry.sqlite"
    DATABASES["default"]["OPTIONS"] = {
        # A read that turns into a write is refused at once in WAL mode, whatever the timeout; BEGIN
        # IMMEDIATE waits.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # FULL: an answered report is on the disk, not in a cache that a power cut empties.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
    # Tests run on a file too: an in-memory database has neither WAL nor a second connection.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
else:
    # A server whose host is gone never says so: without these every thread would wait for it, and
    # nobody would be told 503. What DATABASE_URL asks for goes before.
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 3,
        "tcp_user_timeout": 10_000,  # ms
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        **DATABASES["default"].get("OPTIONS", {}),
    }
    # Their rows stay with one connection, which a pooler of transactions does not.
    DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = not env.boolean(
        "SERVER_SIDE_CURSORS", True
    )
DATABASES["default"]["CONN_MAX_AGE"] = 60
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["ATOMIC_REQUESTS"] = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STORAGE_URL = env.address("STORAGE_URL", f"file://{DATA_DIR / 'media'}", storage_url.SCHEMES)
MEDIA_ROOT = storage_url.folder_of(STORAGE_URL)
METRICS_DIR = DATA_DIR / "metrics"  # counters of requests, a file a process
# Looked at when prometheus_client is loaded: its counters are in files then.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(METRICS_DIR)
DUMP_DIR = Path(env.text("DUMP_DIR", str(DATA_DIR / "dump"))).resolve()  # served under /dump/
CLIENT_DIR = BASE_DIR / "dist"  # what `make setup` built of the client
STATIC_ROOT = BASE_DIR / "static"
STATIC_URL = "/static/"
STORAGES = {
    "default": env.parsed("STORAGE_URL", STORAGE_URL, storage_url.storage_of, storage_url.EXPECTED),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
CACHE_URL = env.address("CACHE_URL", "locmem://", ("locmem", "redis", "rediss"))
# Answers by themselves: whoever reads much must not drop what counts failed sign-ins.
CACHES = {
    name: {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": name,
        "OPTIONS": {"MAX_ENTRIES": most},
    }
    if CACHE_URL.startswith("locmem")
    else {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CACHE_URL,
        "KEY_PREFIX": name,
    }
    for name, most in (("default", 10_000), ("answers", 300))
}

# --- Who we are ----------------------------------------------------------------------------------
DEBUG = env.boolean("DEBUG", False)
SECRET_KEY = env.secret_key(DATA_DIR, may_generate=EMBEDDED)
# Keys the digests of machines, senders and received bytes; give it a value of its own to rotate
# SECRET_KEY.
INSTANCE_KEY = env.text("INSTANCE_KEY", SECRET_KEY)


def _public_url() -> str:
    """PUBLIC_URL, else the address the last `make run` served on, so that manage.py beside it
    agrees.
    """
    default = env.kept_line(DATA_DIR / "public-url", "http://127.0.0.1:8000")
    return env.address("PUBLIC_URL", default, ("http", "https")).rstrip("/")


PUBLIC_URL = _public_url()
ALLOWED_HOSTS = env.names(
    "ALLOWED_HOSTS",
    ",".join({urlsplit(PUBLIC_URL).hostname or "", "127.0.0.1", "localhost", "[::1]"}),
)
# Addresses in a proxy's X-Forwarded-For that are ours; 0 means that the peer is the sender.
NUM_PROXIES = env.integer("NUM_PROXIES", 0)
SOFTWARE_NAME = "CRR registry"

# --- Mail: sign-in codes, nothing else -----------------------------------------------------------
EMAIL_URL = env.address(
    "EMAIL_URL", f"file://{DATA_DIR / 'mail'}", ("file", "smtp", "smtp+tls", "smtps")
)
MAIL_IS_SENT = not EMAIL_URL.startswith("file")
_MAIL = urlsplit(EMAIL_URL)
if MAIL_IS_SENT:
    EMAIL_HOST, EMAIL_PORT = _MAIL.hostname, _MAIL.port or (465 if _MAIL.scheme == "smtps" else 587)
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = (
        unquote(_MAIL.username or ""),
        unquote(_MAIL.password or ""),
    )
    EMAIL_USE_SSL, EMAIL_USE_TLS = _MAIL.scheme == "smtps", _MAIL.scheme == "smtp+tls"
    EMAIL_TIMEOUT = 10
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = unquote(_MAIL.path)
DEFAULT_FROM_EMAIL = env.text("MAIL_FROM", f"registry@{urlsplit(PUBLIC_URL).hostname}")

# --- Django --------------------------------------------------------------------------------------
ROOT_URLCONF = "registry.urls"
WSGI_APPLICATION = "registry.wsgi.application"
INSTALLED_APPS = [
    "registry",
    "submissions",
    "charts",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",  # for the pages of django-allauth about passkeys
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "registry.request_id.RequestId",
    "registry.traffic.Counted",
    "registry.hot.HotAnswers",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "registry.headers.Compression",
    "registry.headers.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "registry.headers.Common",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "registry.headers.StorageFaults",
    "registry.errors.DatabaseAway",
    "registry.kept.OneGeneration",
    "allauth.account.middleware.AccountMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "registry.pages.context.site",
            ],
        },
    }
]
LANGUAGE_CODE = "en-gb"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]

# --- Security ------------------------------------------------------------------------------------
_HTTPS = PUBLIC_URL.startswith("https://")
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
SECURE_SSL_REDIRECT = False  # the proxy in front redirects; behind it every request is plain HTTP
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if NUM_PROXIES else None
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_AGE = 8 * 3600  # of moderators and of who has an account: a working day
# Behind a proxy that ends TLS a request is plain HTTP, and a form's Origin would be another site's.
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "registry.errors.csrf_failure"
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # subdomains of the operator's domain are not ours to put under HSTS
    "security.W008",  # see SECURE_SSL_REDIRECT
    "security.W021",  # nor is its preload list
]
if not _HTTPS:
    # A registry on plain HTTP is the embedded one, or a private one: HSTS and secure cookies would
    # break it.
    SILENCED_SYSTEM_CHECKS += ["security.W004", "security.W012", "security.W016"]

# --- Accounts: optional, by a code sent by mail or by passkey; no passwords but the moderators' ---
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
LOGIN_URL = "account_request_login_code"
LOGIN_REDIRECT_URL = "account"
LOGOUT_REDIRECT_URL = "home"
ACCOUNT_RATE_LIMITS = {  # beside django-allauth's own
    "moderator_failed": "10/m/ip,5/5m/key",
    "moderator_name_failed": "50/5m/key",
}
ACCOUNT_ADAPTER = "submissions.accounts.adapter.Adapter"
ACCOUNT_USER_DISPLAY = "submissions.accounts.adapter.shown_name"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # nobody gets mail who has no account here
ACCOUNT_EMAIL_SUBJECT_PREFIX = f"[{SOFTWARE_NAME}] "
ALLAUTH_TRUSTED_PROXY_COUNT = NUM_PROXIES
MFA_SUPPORTED_TYPES = ["webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
# Browsers take 127.0.0.1 and localhost for secure, and no other address without TLS.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _HTTPS

# --- Intake --------------------------------------------------------------------------------------
BODY_LIMIT_BYTES = 512 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * BODY_LIMIT_BYTES  # a pasted report grows when it is form-encoded
DATA_UPLOAD_MAX_NUMBER_FIELDS = 100  # a comparison may name every factor of both groups
REPORTS_PER_DAY = env.integer("REPORTS_PER_DAY", 500)  # by one anonymous sender; 0 is no limit
# Modes of plausibility rules that are to have another one than their own.
PLAUSIBILITY_MODES = env.choices("PLAUSIBILITY_MODES", ("log", "flag", "hold", "refuse"))

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "registry.api.negotiation.Formats",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "registry.errors.api_exception",
    "NUM_PROXIES": NUM_PROXIES,
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": SOFTWARE_NAME,
    "DESCRIPTION": "netperf TCP_CRR reports: how many new TCP connections a host accepts a second.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "registry.api.openapi.require_bodies",
    ],
}

# --- Work behind ---------------------------------------------------------------------------------
CELERY_BROKER_URL = env.address(
    "CELERY_BROKER_URL",
    "filesystem://localhost",
    ("filesystem", "redis", "rediss", "amqp", "amqps"),
)
SWEEP_SECONDS = env.seconds("SWEEP_SECONDS", 5 if EMBEDDED else 30)
CHART_THROTTLE_SECONDS = env.seconds("CHART_THROTTLE_SECONDS", 5)
HOT_SECONDS = env.seconds("HOT_SECONDS", 1)

LOG_FORMAT = env.one_of("LOG_FORMAT", "line", ("line", "json"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "registry.request_id.Field"}},
    "formatters": {
        "line": {"format": "{asctime} {levelname} {request_id} {name}: {message}", "style": "{"},
        "json": {"()": "registry.request_id.JsonLines"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["request_id"],
        }
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"django": {"handlers": ["console"], "level": "INFO", "propagate": False}},
}
