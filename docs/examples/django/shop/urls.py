from django.urls import path

from shop import views

urlpatterns = [
    path("codes", views.send),
    path("codes/<str:message_id>", views.show),
    path("webhooks/sms", views.receive),
]
