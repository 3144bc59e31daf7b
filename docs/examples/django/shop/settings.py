"""The settings of a small shop; XINSHI is what this example is about."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

XINSHI = {"config": BASE_DIR.parent / "xinshi.toml"}  # what Client() takes: redis_url, config
XINSHI_WEBHOOK_SECRET = os.environ["SMS_WEBHOOK_SECRET"]  # as in [webhooks.<name>] of the workers

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY") or os.urandom(32).hex()
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
ROOT_URLCONF = "shop.urls"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "shop.sms.ErrorsMiddleware",
]
# One process; more of them share a cache in Redis or in the database.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
