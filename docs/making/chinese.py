"""The words of the tables of codes in Chinese: what an adapter says of a code, and what follows.

An adapter's reasons are English, for logs and events. A test holds this list to them: a reason
without its Chinese fails, and so does a line here that no adapter says.
"""

from collections.abc import Mapping

from worker.vendors.base import Outcome

NEXT: Mapping[Outcome, str] = {
    Outcome.SUBMITTED: "`submitted`",
    Outcome.REJECTED: "终态：`rejected`",
    Outcome.BARRED: "终态：`rejected`；这里不再向该号码发营销短信",
    Outcome.CAPPED: "等到该号码的窗口结束",
    Outcome.THROTTLED: "一两秒之后再来；账号放慢",
    Outcome.UNAVAILABLE: "再来，间隔越来越长；两次之后优先换账号",
    Outcome.SUSPENDED: "立即换账号；这个账号暂时放下",
    Outcome.REFUSED: "再试一次，然后优先换账号",
    Outcome.UNKNOWN: "`unknown`：绝不盲目重发",
}

REASONS: Mapping[str, str] = {
    "a fault of the vendor's system": "供应商系统故障",
    "a parameter is malformed": "参数格式错误",
    "a parameter is malformed or the number empty": "参数格式错误或号码为空",
    "a parameter is wrong": "参数错误",
    "a sensitive word": "有敏感词",
    "an internal error, or no route": "内部错误，或没有通道",
    "another error": "其他错误",
    "delivered": "已送达",
    "failed, says the vendor": "供应商说失败",
    "lost between the vendor and the operator": "在供应商与运营商之间丢失",
    "more than 1000 characters": "超过 1000 字",
    "more than 200 characters": "超过 200 字",
    "no number": "没有号码",
    "no route to the number": "没有到该号码的通道",
    "no such account": "账号不存在",
    "no such application": "应用不存在",
    "our address is not allowed": "我们的 IP 地址不被允许",
    "refused by the operator": "被运营商拒绝",
    "refused by the vendor's review": "未通过供应商审核",
    "sent already, says the vendor": "供应商说已经发过",
    "taken": "已接收",
    "the access number is wrong": "接入号错误",
    "the account is closed": "账号已注销",
    "the account is disabled": "账号已禁用",
    "the account is of another protocol": "账号属于另一种协议",
    "the account is stopped": "账号已停用",
    "the account or its password is wrong": "账号或密码错误",
    "the application is forbidden": "应用被禁用",
    "the application's secret is wrong": "应用密钥错误",
    "the balance is used up": "余额用完",
    "the channel takes no long text": "通道不支持长短信",
    "the number is empty": "号码为空",
    "the number is malformed": "号码格式错误",
    "the number is on a blacklist": "号码在黑名单",
    "the parts of a long text did not meet in time": "长短信的各段没有及时到齐",
    "the request is malformed": "请求格式错误",
    "the signature is not registered": "签名未报备",
    "the signature's number is wrong": "签名编号错误",
    "the template is wrong or not approved": "模板错误或未过审",
    "the text has no signature": "正文没有签名",
    "the text is empty": "正文为空",
    "the text is not allowed": "正文不被允许",
    "the text is not registered": "正文未报备",
    "the text looks like SQL": "正文像 SQL",
    "the vendor's system was busy": "供应商系统繁忙",
    "too many connections": "连接过多",
    "too many in half an hour for this number": "该号码半小时内太多",
    "too many numbers in one call": "一次请求的号码太多",
    "too many today for this number": "该号码今天太多",
    "too soon, or too many today, for this number": "该号码间隔太短，或今天太多",
    "wrong template, or wrong variables for it": "模板错误，或变量不符",
    "wrong version": "版本错误",
}
