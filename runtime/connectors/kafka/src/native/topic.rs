//! Topics as one sets them up.

use std::collections::HashMap;
use std::ffi::CString;
use std::time::Duration;

use rdkafka::bindings as sys;

use super::admin::{Options, array_at, no_answer};
use super::client::{Client, out_of_memory};
use super::error::{Code, NativeError};
use super::{ErrorText, text_at};

impl Client {
    /// How many partitions a topic has; None where there is no such topic.
    pub(crate) fn partitions(
        &self,
        topic: &str,
        timeout: Duration,
    ) -> Result<Option<i32>, NativeError> {
        let described = self.describe_topics(&[topic.to_owned()], timeout)?;
        let Some(topic) = described.into_iter().next() else {
            return Ok(None);
        };
        match topic.found {
            Ok(()) => Ok(i32::try_from(topic.partitions).ok()),
            Err(error) if error.code == Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A topic's settings of these names, as they are in force.
    pub(crate) fn topic_settings(
        &self,
        topic: &str,
        names: &[&str],
        timeout: Duration,
    ) -> Result<HashMap<String, String>, NativeError> {
        let invalid = |_| NativeError::of(Code::RD_KAFKA_RESP_ERR__INVALID_ARG);
        let topic = CString::new(topic).map_err(invalid)?;
        let options = Options::new(
            self,
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS,
            timeout,
        )?;
        let kind = sys::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC;
        // SAFETY: the name is alive and copied. The resource is ours until it is destroyed.
        let resource = unsafe { sys::rd_kafka_ConfigResource_new(kind, topic.as_ptr()) };
        if resource.is_null() {
            return Err(out_of_memory());
        }
        let answer = self.ask(timeout, |queue| {
            let mut resources = [resource];
            // SAFETY: handle, queue, options and the resource are alive; the resource is copied.
            unsafe {
                sys::rd_kafka_DescribeConfigs(
                    self.as_ptr(),
                    resources.as_mut_ptr(),
                    resources.len(),
                    options.as_ptr(),
                    queue,
                );
            }
        });
        // SAFETY: ours, and destroyed once.
        unsafe { sys::rd_kafka_ConfigResource_destroy(resource) };
        let answer = answer?;
        let mut found = HashMap::new();
        // SAFETY: the event is alive until the end of this function, and everything in it as long.
        unsafe {
            let result = sys::rd_kafka_event_DescribeConfigs_result(answer.as_ptr());
            if result.is_null() {
                return Err(no_answer());
            }
            let mut count = 0;
            let resources = sys::rd_kafka_DescribeConfigs_result_resources(result, &raw mut count);
            for resource in array_at(resources, count) {
                NativeError::check(sys::rd_kafka_ConfigResource_error(*resource))?;
                let mut count = 0;
                let entries = sys::rd_kafka_ConfigResource_configs(*resource, &raw mut count);
                for entry in array_at(entries, count) {
                    let name = text_at(sys::rd_kafka_ConfigEntry_name(*entry));
                    if names.contains(&name.as_str()) {
                        found.insert(name, text_at(sys::rd_kafka_ConfigEntry_value(*entry)));
                    }
                }
            }
        }
        Ok(found)
    }

    /// Makes a topic with as many replicas as the brokers' default says, and so many partitions, or as many
    /// as it says. One that is there already is an error with a code of its own.
    pub(crate) fn create_topic(
        &self,
        name: &str,
        partitions: Option<i32>,
        settings: &[(&str, &str)],
        timeout: Duration,
    ) -> Result<(), NativeError> {
        let invalid = |_| NativeError::of(Code::RD_KAFKA_RESP_ERR__INVALID_ARG);
        let name = CString::new(name).map_err(invalid)?;
        let options = Options::new(
            self,
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATETOPICS,
            timeout,
        )?;
        let mut text = ErrorText::new();
        // SAFETY: name and buffer outlive the call. The topic is ours until it is destroyed.
        let topic = unsafe {
            sys::rd_kafka_NewTopic_new(
                name.as_ptr(),
                partitions.unwrap_or(-1),
                -1,
                text.as_mut_ptr(),
                text.len(),
            )
        };
        if topic.is_null() {
            let code = Code::RD_KAFKA_RESP_ERR__INVALID_ARG;
            return Err(NativeError::new(code, text.text()));
        }
        for (name, value) in settings {
            if let (Ok(name), Ok(value)) = (CString::new(*name), CString::new(*value)) {
                // SAFETY: topic and texts are alive; the texts are copied.
                unsafe {
                    sys::rd_kafka_NewTopic_set_config(topic, name.as_ptr(), value.as_ptr());
                }
            }
        }
        let answer = self.ask(timeout, |queue| {
            let mut topics = [topic];
            // SAFETY: handle, queue, options and the topic are alive; the topic is copied.
            unsafe {
                sys::rd_kafka_CreateTopics(
                    self.as_ptr(),
                    topics.as_mut_ptr(),
                    topics.len(),
                    options.as_ptr(),
                    queue,
                );
            }
        });
        // SAFETY: ours, and destroyed once.
        unsafe { sys::rd_kafka_NewTopic_destroy(topic) };
        let answer = answer?;
        // SAFETY: the event is alive until the end of this function, and everything in it as long.
        unsafe {
            let result = sys::rd_kafka_event_CreateTopics_result(answer.as_ptr());
            if result.is_null() {
                return Err(no_answer());
            }
            let mut count = 0;
            let topics = sys::rd_kafka_CreateTopics_result_topics(result, &raw mut count);
            for topic in array_at(topics, count) {
                let code = sys::rd_kafka_topic_result_error(*topic);
                if code != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
                    let text = text_at(sys::rd_kafka_topic_result_error_string(*topic));
                    let text = Some(text).filter(|text| !text.is_empty());
                    let text = text.unwrap_or_else(|| NativeError::of(code).text);
                    return Err(NativeError::new(code, text));
                }
            }
        }
        Ok(())
    }
}
