"""Which view answers which path."""

from django.contrib import admin
from django.urls import path

from . import views

urlpatterns = [
    path("", views.book, name="book"),
    path("entries.json", views.entries, name="entries"),
    path("entries/<int:number>", views.entry, name="entry"),
    path("export", views.export, name="export"),
    path("error", views.error, name="error"),
    path("admin/", admin.site.urls),
]
